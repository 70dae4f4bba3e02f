"""Where data of a tenant, a node class or an agent lies in a checkout, and how it is deleted there."""
