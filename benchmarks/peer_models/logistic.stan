// A logistic regression, by Stan's function for it, which has its gradient by hand.
data {
  matrix[10000, 50] predictors;
  array[10000] int<lower=0, upper=1> y;
}
parameters {
  real intercept;
  vector[50] slopes;
}
model {
  intercept ~ normal(0, 2);
  slopes ~ std_normal();
  y ~ bernoulli_logit_glm(predictors, intercept, slopes);
}
