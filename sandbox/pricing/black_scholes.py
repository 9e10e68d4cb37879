"""European options on a forward (Black 1976, as Black-Scholes with carry): prices in bulk and one by one, and the greeks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sandbox.pricing.noise import Floats

_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_DAYS_A_YEAR = 365.0


@dataclass(frozen=True, slots=True)
class Greeks:
    """Of one option in rupees: `theta` per calendar day, `vega` per percentage point of volatility."""

    delta: float
    gamma: float
    theta: float
    vega: float


def option_price(forward: float, strike: float, years: float, volatility: float, discount: float, call: bool) -> float:
    """What the option is worth; intrinsic value once it has expired. All of one currency unit."""
    sign = 1.0 if call else -1.0
    spread = volatility * math.sqrt(years) if years > 0 else 0.0
    if spread <= 0.0:
        return discount * max(0.0, sign * (forward - strike))
    d1 = math.log(forward / strike) / spread + spread / 2
    return discount * sign * (forward * _cdf(sign * d1) - strike * _cdf(sign * (d1 - spread)))


def option_prices(
    forward: Floats, strike: float, years: Floats, volatility: Floats, discount: Floats, call: bool
) -> Floats:
    """The same for arrays. Agrees with `option_price` to some 1e-12 of the strike, far inside a tick."""
    sign = 1.0 if call else -1.0
    spread = volatility * np.sqrt(np.maximum(years, 0.0))
    alive = np.where(spread > 0.0, spread, 1.0)
    d1 = np.log(forward / strike) / alive + alive / 2
    living = sign * (forward * _cdf_of_all(sign * d1) - strike * _cdf_of_all(sign * (d1 - alive)))
    return discount * np.where(spread > 0.0, living, np.maximum(0.0, sign * (forward - strike)))


def greeks(
    spot: float, strike: float, years: float, volatility: float, rate: float, dividend: float, call: bool
) -> Greeks:
    """By the usual formulas with continuous rate and dividend yield. An expired option has none."""
    if years <= 0 or volatility <= 0:
        return Greeks(0.0, 0.0, 0.0, 0.0)
    sign, root = (1.0 if call else -1.0), math.sqrt(years)
    spread = volatility * root
    d1 = (math.log(spot / strike) + (rate - dividend) * years) / spread + spread / 2
    d2 = d1 - spread
    density = math.exp(-d1 * d1 / 2) / _ROOT_TWO_PI
    carry, discount = math.exp(-dividend * years), math.exp(-rate * years)
    theta = (
        -spot * carry * density * volatility / (2 * root)
        - sign * rate * strike * discount * _cdf(sign * d2)
        + sign * dividend * spot * carry * _cdf(sign * d1)
    )
    return Greeks(
        delta=sign * carry * _cdf(sign * d1),
        gamma=carry * density / (spot * spread),
        theta=theta / _DAYS_A_YEAR,
        vega=spot * carry * density * root / 100,
    )


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / _ROOT_TWO)


def _cdf_of_all(x: Floats) -> Floats:
    """The normal distribution to double precision: Hart's rational approximation as given by G. West (2005)."""
    size = np.abs(x)
    bell = np.exp(-size * size / 2)
    up = _polynomial(size, _HART_UP)
    down = _polynomial(size, _HART_DOWN)
    far = size + 1 / (size + 2 / (size + 3 / (size + 4 / (size + 0.65))))
    tail = np.where(size < 7.07106781186547, bell * up / down, bell / (far * 2.506628274631))
    tail = np.where(size > 37, 0.0, tail)
    return np.where(x > 0, 1 - tail, tail)


def _polynomial(x: Floats, coefficients: tuple[float, ...]) -> Floats:
    value = np.zeros_like(x)
    for coefficient in coefficients:
        value = value * x + coefficient
    return value


_HART_UP = (
    3.52624965998911e-02,
    0.700383064443688,
    6.37396220353165,
    33.912866078383,
    112.079291497871,
    221.213596169931,
    220.206867912376,
)
_HART_DOWN = (
    8.83883476483184e-02,
    1.75566716318264,
    16.064177579207,
    86.7807322029461,
    296.564248779674,
    637.333633378831,
    793.826512519948,
    440.413735824752,
)
