"""The tour: a lesson whose cells are run live, shown in the terminal and written as one web page."""
