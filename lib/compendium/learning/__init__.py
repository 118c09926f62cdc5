"""Does reinforcement learning help? Three searches under two acquisition functions, on functions with known minima."""
