// A hierarchical regression as large as the radon study's, non-centred.
data {
  array[919] int<lower=1, upper=85> county;
  vector[919] floor;
  vector[919] y;
}
parameters {
  real mu_a;
  real<lower=0> sigma_a;
  vector[85] raw;
  real b;
  real<lower=0> sigma_y;
}
model {
  vector[85] intercept = mu_a + sigma_a * raw;
  mu_a ~ normal(0, 10);
  sigma_a ~ normal(0, 5);
  raw ~ std_normal();
  b ~ normal(0, 10);
  sigma_y ~ normal(0, 5);
  y ~ normal(intercept[county] + b * floor, sigma_y);
}
