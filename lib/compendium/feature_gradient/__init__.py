"""The first paper: is the gradient of the acquisition function through material features worth following?"""
