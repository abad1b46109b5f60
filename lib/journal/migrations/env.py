"""Run by Alembic for each migration: inside the transaction that lib/journal/migrations/__init__.py has begun."""

from alembic import context

# SQLite can take schema changes back as PostgreSQL can, once its driver leaves transactions alone, as ours does.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
