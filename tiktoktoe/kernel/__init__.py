"""Plain Python that every app may use: money, periods, rates, the clock, ids, errors."""
