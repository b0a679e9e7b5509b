// Student's returns, and a random walk of log-volatility.
data {
  vector[1000] returns;
}
parameters {
  real<lower=0> step_size;
  real<lower=0> nu;
  vector[1000] volatility;
}
model {
  step_size ~ exponential(10);
  nu ~ exponential(0.1);
  volatility[1] ~ normal(-4, 2);
  volatility[2:] ~ normal(volatility[:999], step_size);
  returns ~ student_t(nu, 0, exp(volatility));
}
