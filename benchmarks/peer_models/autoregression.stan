// A latent process that remembers two steps.
data {
  vector[400] y;
}
parameters {
  real level;
  real<lower=-1, upper=1> first;
  real<lower=-1, upper=1> second;
  real<lower=0> sigma;
  real<lower=0> noise;
  vector[400] shocks;
}
model {
  real a = first * (1 - second);
  vector[400] state;
  level ~ normal(0, 5);
  sigma ~ std_normal();
  noise ~ lognormal(-0.5, 0.1);
  shocks ~ std_normal();
  state[1] = sigma * shocks[1];
  state[2] = a * state[1] + sigma * shocks[2];
  for (t in 3:400)
    state[t] = a * state[t - 1] + second * state[t - 2] + sigma * shocks[t];
  y ~ normal(level + state, noise);
}
