"""The organisation's database: the only place that speaks SQL. Synchronous psycopg 3, one connection a writer.

`schema` makes and checks the tables, `connection` opens connections and turns psycopg's errors into ours, `queries`
loads named SQL; then one module for each aggregate. Functions take an open connection and never commit: whoever opens a
transaction (`with connection.transaction():`) decides what belongs together.
"""
