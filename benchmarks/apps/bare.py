"""The least a Streamlit page can do: one text input, one table of 50 rows. The peer of the Customers page."""

import os

import pandas as pd
import streamlit as st

rows = st.cache_resource(pd.read_parquet)(os.environ["BENCHMARK_ROWS"])
text = st.text_input("Search")
st.dataframe(rows.iloc[len(text) : len(text) + 50], height=520, hide_index=True, row_height=32)
