// 1,000 groups, each seen 200 times, centred.
data {
  array[200000] int<lower=1, upper=1000> group;
  vector[200000] predictor;
  vector[200000] y;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[1000] level;
  real slope;
  real<lower=0> sigma;
}
model {
  mu ~ normal(0, 5);
  tau ~ normal(0, 2);
  level ~ normal(mu, tau);
  slope ~ normal(0, 2);
  sigma ~ normal(0, 2);
  y ~ normal(level[group] + slope * predictor, sigma);
}
