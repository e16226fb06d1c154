import MCAP
