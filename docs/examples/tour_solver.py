import random

random.seed(1)
print("GMRES, restart 30, tolerance 1e-8")
for i in range(1, 401):
    residual = max(10 ** (-i / 40), 3e-6) * random.lognormvariate(0, 0.05)
    print(f"Iteration {i:4d}   residual = {residual:.6e}   time = {0.013 * i:.2f} s")
