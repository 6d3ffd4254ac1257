"""Wrong answers that people give, which the checks must reject: ``WRONG``, number -> functions.

Each lesson's are in a module ``lesson_NN.py``, which is found by its name; all are variations of a right one.
"""

import importlib
import pkgutil

WRONG = {
    number: functions
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__))
    for number, functions in importlib.import_module(f"{__name__}.{name}").WRONG.items()
}
