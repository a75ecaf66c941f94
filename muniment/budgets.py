"""Budgets of cost that several processes share: the same buckets as in memory, kept in a Redis or Valkey server."""

from muniment.tallies import Tallies
from resolvers.budgets import Budgets, Charge, outcome

_TAKE = """
local size, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local moment = tonumber(time[1]) + tonumber(time[2]) / 1000000
local held = redis.call('HMGET', KEYS[1], 'level', 'moment')
local level, before = tonumber(held[1]) or size, tonumber(held[2]) or moment
level = math.min(size, level + math.max(0, moment - before) * size / 60)
local wanted = math.min(cost, size)
local left = level
if wanted <= level then left = level - wanted end
redis.call('HSET', KEYS[1], 'level', string.format('%.17g', left), 'moment', string.format('%.17g', moment))
redis.call('PEXPIRE', KEYS[1], 60000)
return string.format('%.17g', level)
"""
"""`Budgets.charge` in one step and by the server's clock; after a minute a bucket is full again, and forgotten."""


class SharedBudgets(Budgets):
    """One bucket per caller for all processes. While the server does not answer, each process goes by its own memory.

    That memory knows how full each bucket was when this process last asked, so that nobody begins anew meanwhile.
    """

    def __init__(self, tallies: Tallies) -> None:
        super().__init__()
        self.tallies = tallies
        self._take = tallies.script(_TAKE)

    def charge(self, name: str, cost: int, per_minute: int) -> Charge:
        """As `Budgets.charge`, in one round trip."""
        answer = self.tallies.ask(self._take, f"budget {name}", (per_minute, cost))
        if answer is None:
            return super().charge(name, cost, per_minute)
        charge, left = outcome(float(answer), cost, per_minute)
        self.learn(name, left, per_minute)
        return charge
