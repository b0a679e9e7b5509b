"""Models: named random variables, what is known of their values, and the log-probability that follows."""
