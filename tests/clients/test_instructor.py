# SPDX-License-Identifier: Apache-2.0
"""Instructor: its loop asks again, with the error, until the object is right."""
import instructor
import openai
import pytest
from pydantic import BaseModel, field_validator

from model import ROUTES, SUM


class Sum(BaseModel):
    """The sum of the rows."""

    sum: int

    @field_validator("sum")
    @classmethod
    def is_right(cls, value):
        if value != SUM:
            raise ValueError(f"{value} is not the sum")
        return value


class AnySum(BaseModel):
    """A sum without a check."""

    sum: int


def client(lab, mode):
    return instructor.from_openai(openai.OpenAI(base_url=lab.url, api_key="k", max_retries=0), mode=mode)


ASK = [{"role": "system", "content": "Add the rows."}, {"role": "user", "content": "Go."}]


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA, instructor.Mode.JSON], ids=lambda m: m.name)
@pytest.mark.parametrize("route", ROUTES)
def test_asks_again_until_it_is_right(lab, route, mode):
    taken = lab.taken(route)
    assert client(lab, mode).chat.completions.create(model=route, messages=ASK, response_model=Sum, max_retries=3).sum == SUM
    assert lab.taken(route) == taken + 3


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA], ids=lambda m: m.name)
@pytest.mark.parametrize("route", ROUTES)
def test_a_stream_fills_the_object(lab, route, mode):
    seen = list(client(lab, mode).chat.completions.create_partial(model=route, messages=ASK, response_model=AnySum))
    assert seen[-1].sum == SUM - 2
