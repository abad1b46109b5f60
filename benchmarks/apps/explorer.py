"""The table filter that many Streamlit apps use, over the same rows: streamlit-extras' `dataframe_explorer`."""

import os

import pandas as pd
import streamlit as st
from streamlit_extras.dataframe_explorer import dataframe_explorer

rows = st.cache_resource(pd.read_parquet)(os.environ["BENCHMARK_ROWS"])
st.dataframe(dataframe_explorer(rows, case=False), height=520, hide_index=True)
