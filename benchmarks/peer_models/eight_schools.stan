// Rubin's eight schools, non-centred.
data {
  vector[8] effect;
  vector<lower=0>[8] error;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[8] raw;
}
transformed parameters {
  vector[8] theta = mu + tau * raw;
}
model {
  mu ~ normal(0, 5);
  tau ~ cauchy(0, 5);
  raw ~ std_normal();
  effect ~ normal(theta, error);
}
