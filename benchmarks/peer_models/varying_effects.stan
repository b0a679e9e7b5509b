// Intercepts and two slopes that vary together, non-centred.
data {
  array[1000] int<lower=1, upper=40> group;
  matrix[1000, 3] design;
  vector[1000] y;
}
parameters {
  row_vector[3] beta;
  vector<lower=0>[3] spread;
  cholesky_factor_corr[3] correlation;
  matrix[40, 3] raw;
  real<lower=0> sigma;
}
transformed parameters {
  matrix[40, 3] effects = rep_matrix(beta, 40) + raw * diag_pre_multiply(spread, correlation)';
}
model {
  beta ~ normal(0, 2);
  spread ~ exponential(1);
  correlation ~ lkj_corr_cholesky(2);
  to_vector(raw) ~ std_normal();
  sigma ~ normal(0, 2);
  y ~ normal(rows_dot_product(design, effects[group]), sigma);
}
