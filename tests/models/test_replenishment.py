"""Order quantities and points against stockpyl, another implementation, and against draws of the same demand."""

from __future__ import annotations

import warnings
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.replenishment.demand import MODELS, Demand, bootstrapped, over_lead_time
from models.replenishment.quantities import (
    cycle_point,
    eoq,
    eoq_cost,
    fill_point,
    fill_rate,
    newsvendor,
    poisson_period,
    r_q_exact,
    s_s_exact,
)


def oracle(module):
    """A module of stockpyl; its own sources warn, ours may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        why = "stockpyl is not installed: uv pip install --no-deps stockpyl jsonpickle networkx"
        pytest.importorskip("stockpyl", reason=why)
        return import_module(f"stockpyl.{module}")


def one(model, mean, variance):
    return Demand(model, np.array([float(mean)]), np.array([float(variance)]))


@pytest.mark.parametrize(("order_cost", "holding", "rate"), [(8, 0.225, 1300), (100, 2, 50), (1, 30, 2)])
def test_the_economic_order_quantity(order_cost, holding, rate):
    theirs = oracle("eoq").economic_order_quantity(order_cost, holding, rate)
    ours = eoq(np.array([order_cost]), np.array([holding]), np.array([rate]))
    cost = eoq_cost(np.array([order_cost]), np.array([holding]), np.array([rate]), ours)
    assert (ours[0], cost[0]) == pytest.approx(theirs)


@pytest.mark.parametrize(("holding", "shortage", "mean", "sd"), [(0.18, 0.70, 50, 8), (1, 20, 100, 30)])
def test_the_newsvendor_of_normal_demand(holding, shortage, mean, sd):
    theirs = oracle("newsvendor").newsvendor_normal(holding, shortage, mean, sd)
    stock, cost = newsvendor(holding, shortage, one("normal", mean, sd**2))
    assert (stock[0], cost[0]) == pytest.approx(theirs)


@pytest.mark.parametrize(("holding", "shortage", "mean"), [(0.18, 0.70, 50), (1, 9, 3)])
def test_the_newsvendor_of_poisson_demand(holding, shortage, mean):
    theirs = oracle("newsvendor").newsvendor_poisson(holding, shortage, mean)
    stock, cost = newsvendor(holding, shortage, one("poisson", mean, mean))
    assert (stock[0], cost[0]) == pytest.approx(theirs)


@pytest.mark.parametrize(("mean", "sd", "stock"), [(50, 8, 55), (50, 8, 40), (10, 9, 25)])
def test_loss_functions(mean, sd, stock):
    losses = oracle("loss_functions")
    x = np.array([float(stock)])
    assert one("normal", mean, sd**2).missed(x)[0] == pytest.approx(losses.normal_loss(stock, mean, sd)[0])
    assert one("poisson", mean, mean).missed(x)[0] == pytest.approx(losses.poisson_loss(stock, mean)[0])
    gamma = losses.gamma_loss(stock, mean**2 / sd**2, sd**2 / mean)[0]
    assert one("gamma", mean, sd**2).missed(x)[0] == pytest.approx(gamma)
    r, p = mean**2 / (sd**2 - mean), mean / sd**2
    theirs = losses.negative_binomial_loss(stock, r=r, p=p)[0]
    assert one("negative_binomial", mean, sd**2).missed(x)[0] == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize(("h", "p", "k", "rate", "lead"), [(20, 150, 100, 1.5, 2), (1, 10, 5, 4, 3), (5, 8, 0.5, 2, 1)])
def test_the_exact_r_q_policy(h, p, k, rate, lead):
    r, q, cost = oracle("rq").r_q_poisson_exact(h, p, k, rate, lead)
    ours = r_q_exact(h, p, k, rate, lead)
    assert ours[:2] == (r, q)
    assert ours[2] == pytest.approx(cost)


@pytest.mark.parametrize(("h", "p", "k", "mean"), [(1, 4, 5, 6), (1, 9, 64, 10), (2, 3, 1, 2)])
def test_the_exact_s_s_policy(h, p, k, mean):
    s, up_to, cost = oracle("ss").s_s_discrete_exact(h, p, k, True, mean)
    chances, of_period = poisson_period(h, p, mean)
    ours = s_s_exact(h, p, k, chances, of_period)
    assert ours[:2] == (s, up_to)
    assert ours[2] == pytest.approx(cost, rel=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_a_distribution_agrees_with_draws_of_it(model):
    draw, mean, variance = np.random.default_rng(3), 6.0, 14.0
    drawn = {
        "normal": lambda n: draw.normal(mean, variance**0.5, n),
        "gamma": lambda n: draw.gamma(mean**2 / variance, variance / mean, n),
        "poisson": lambda n: draw.poisson(mean, n),
        "negative_binomial": lambda n: draw.negative_binomial(mean**2 / (variance - mean), mean / variance, n),
    }[model](200_000)
    demand = one(model, mean, variance)
    for stock in (-1.0, 0.0, 4.0, 9.5, 15.0):
        assert demand.within(np.array([stock]))[0] == pytest.approx((drawn <= stock).mean(), abs=0.005)
        assert demand.missed(np.array([stock]))[0] == pytest.approx(np.maximum(drawn - stock, 0).mean(), abs=0.03)
    assert demand.within(demand.quantile(0.9))[0] >= 0.9 - 1e-9


def test_an_unknown_model_is_refused_with_the_valid_ones():
    with pytest.raises(ValueError, match=r"'weibull'; valid: normal, gamma, poisson, negative_binomial"):
        one("weibull", 1, 1)


def test_fill_rate_of_a_simulated_r_q_store():
    """One by one demand of a Poisson process: positions cycle through r+1..r+Q, so the formula is exact."""
    draw, rate, lead, point, quantity = np.random.default_rng(5), 2.0, 3.0, 7, 5
    position = draw.integers(point + 1, point + quantity + 1, 400_000)
    over_lead = draw.poisson(rate * lead, 400_000)
    met = (position - over_lead > 0).mean()  # a piece asked for at a random instant finds stock (PASTA)
    demand = one("poisson", rate * lead, rate * lead)
    assert fill_rate(demand, np.array([float(point)]), np.array([float(quantity)]))[0] == pytest.approx(met, abs=0.004)


def test_cycle_service_and_fill_rate_are_different_aims():
    demand = over_lead_time("gamma", np.array([10.0]), np.array([40.0]), np.array([4.0]), np.array([1.0]))
    assert (demand.mean[0], demand.variance[0]) == (40.0, 4 * 40 + 100 * 1)
    quantity = np.array([200.0])
    cycle, fill = cycle_point(demand, 0.95), fill_point(demand, quantity, 0.95)
    assert fill[0] < cycle[0], "large orders: few cycles, so little is missed"
    assert demand.within(cycle)[0] == pytest.approx(0.95)
    assert fill_rate(demand, fill, quantity)[0] == pytest.approx(0.95)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MODELS), st.floats(0.2, 500), st.floats(1.05, 9), st.floats(0.6, 0.995), st.floats(1, 300))
def test_reorder_points_keep_their_aim_and_no_smaller_one_does(model, mean, spread, target, quantity):
    demand, size = one(model, mean, mean * spread), np.array([quantity])
    point = cycle_point(demand, target)
    assert demand.within(point)[0] >= target - 1e-9
    filled = fill_point(demand, size, target)
    assert fill_rate(demand, filled, size)[0] >= target - 1e-9
    if filled[0] > 1:
        assert fill_rate(demand, filled - 1, size)[0] <= target + 1e-9


def test_the_bootstrap_of_an_uneven_history_keeps_its_mean_and_is_the_same_each_time():
    history = np.array([0.0, 0, 0, 12, 0, np.nan, 0, 6, 0])
    sampled = bootstrapped(history, 3)
    assert sampled.samples.mean() == pytest.approx(3 * 18 / 8, rel=0.1)
    assert sampled.within(sampled.quantile(0.9)) >= 0.9
    assert sampled.missed(0.0) == pytest.approx(sampled.samples.mean())
    assert bootstrapped(history, 3).quantile(0.95) == sampled.quantile(0.95)
    with pytest.raises(ValueError, match="0 known periods"):
        bootstrapped(np.array([np.nan]), 3)
