"""What pyproject.toml cannot say: `flows/` and `tasks/` are installed as `seqcls_flows` and `seqcls_tasks`.

At the top of site-packages their own names would meet those of other projects. The code imports them by these names
everywhere, so that the repository and the wheel run the same files unchanged.
"""

from setuptools import find_packages, setup

OF_THEIR_OWN = {"seqcls_flows": "flows", "seqcls_tasks": "tasks"}

setup(packages=[*find_packages(include=["seqcls", "seqcls.*"]), *OF_THEIR_OWN], package_dir=OF_THEIR_OWN)
