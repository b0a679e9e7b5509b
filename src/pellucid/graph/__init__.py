"""What a graph is: variables, the applications of ops that compute them, and how to walk, edit and print them."""
