"""Computes tour_expected.json, the expected results of notebooks/00-tour.ipynb, with pandas from assets/data/*.parquet.

    python3 -m venv /tmp/data && /tmp/data/bin/pip install pandas==3.1.1 pyarrow==26.0.1
    /tmp/data/bin/python tests/kernel/tour_expected.py            # rewrites the file
    /tmp/data/bin/python tests/kernel/tour_expected.py --check    # fails if the file differs

A number is the output of a cell; an object of numbers is its output in that order; `columns` and `rows` are a table.
The cell has the key in its metadata: {"rask": {"check": "<key>"}}; test_tour.py compares them.
"""
import json, pathlib, sys
import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parents[1] / "assets" / "data"
OUT = HERE / "tour_expected.json"


def table(frame):
    split = frame.to_dict("split", index=False)
    return {"columns": split["columns"], "rows": split["data"]}


def primes_below(n):
    return sum(all(k % d for d in range(2, int(k**0.5) + 1)) for k in range(2, n))


def expected():
    frames = {n: pd.read_parquet(DATA / f"{n}.parquet") for n in ("flights", "airlines", "airports", "weather", "planes")}
    flights = frames.pop("flights")
    carrier, origin = flights.groupby("carrier", as_index=False), flights.groupby("origin", as_index=False)
    united = flights[flights.carrier == "UA"][["month", "day", "dest", "dep_delay", "arr_delay"]].head(5)
    shop = pd.DataFrame({"day": [1, 2, 3], "income": [120, 95, 140], "cost": [80, 90, 85]})
    shop["profit"] = shop.income - shop.cost
    return {
        "flights_rows": len(flights),
        "other_rows": {name: len(frame) for name, frame in frames.items()},
        "flights_per_carrier": table(carrier.size()),
        "mean_dep_delay_per_carrier": table(carrier.dep_delay.mean()),
        "mean_arr_delay_per_carrier": table(carrier.arr_delay.mean()),
        "flights_per_origin": table(origin.size()),
        "mean_dep_delay_per_origin": table(origin.dep_delay.mean()),
        "late_flights": int((flights.dep_delay > 60).sum()),
        "first_united_flights": table(united.astype({"dep_delay": "int64", "arr_delay": "int64"})),
        "mean_lost_in_air": float((flights.arr_delay - flights.dep_delay).mean()),
        "percent_of_primes_below_8000": 100 * primes_below(8000) / 8000,
        "guests_served": 4 * 4,
        "shop_profit": table(shop),
    }


def dumps(answers):
    """Returns JSON with each row of a table on its own line."""
    def one(value):
        if "columns" not in (value if isinstance(value, dict) else {}):
            return json.dumps(value)
        rows = ",\n    ".join(map(json.dumps, value["rows"]))
        return f'{{"columns": {json.dumps(value["columns"])}, "rows": [\n    {rows}]}}'
    return "{\n" + ",\n".join(f"  {json.dumps(key)}: {one(value)}" for key, value in answers.items()) + "\n}\n"


if __name__ == "__main__":
    answers = expected()
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if OUT.read_text() == dumps(answers) else f"{OUT.name} is out of date")
    OUT.write_text(dumps(answers))
