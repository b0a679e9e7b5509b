// The two-parameter logistic model of item response.
data {
  array[200, 50] int<lower=0, upper=1> y;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[200] ability;
  vector[50] difficulty;
  vector<lower=0>[50] discrimination;
}
model {
  mu ~ normal(0, 2);
  tau ~ normal(0, 2);
  ability ~ std_normal();
  difficulty ~ normal(mu, tau);
  discrimination ~ lognormal(0, 0.5);
  for (person in 1:200)
    y[person] ~ bernoulli_logit(discrimination .* (ability[person] - difficulty));
}
