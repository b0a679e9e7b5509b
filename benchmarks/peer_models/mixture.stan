// Three normal components with means in order.
data {
  vector[1000] y;
}
parameters {
  simplex[3] weights;
  ordered[3] means;
  vector<lower=0>[3] sigmas;
}
model {
  vector[3] log_weights = log(weights);
  weights ~ dirichlet(rep_vector(2, 3));
  means ~ normal([-3, 0, 3]', 1);
  sigmas ~ std_normal();
  for (n in 1:1000) {
    vector[3] each = log_weights;
    for (k in 1:3)
      each[k] += normal_lpdf(y[n] | means[k], sigmas[k]);
    target += log_sum_exp(each);
  }
}
