// A Gaussian process with the Matern 5/2 covariance, by Stan's function for it; the function is integrated out.
data {
  array[150] real x;
  vector[150] y;
}
parameters {
  real<lower=0> length;
  real<lower=0> scale;
  real<lower=0> noise;
}
model {
  matrix[150, 150] covariance = add_diag(gp_matern52_cov(x, scale, length), square(noise) + 1e-8);
  length ~ inv_gamma(3, 5);
  scale ~ normal(0, 3);
  noise ~ std_normal();
  y ~ multi_normal_cholesky(rep_vector(0, 150), cholesky_decompose(covariance));
}
