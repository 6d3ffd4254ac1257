# Each target is one Python command; on Windows run that command itself.
PYTHON ?= python3

.PHONY: course test lessons report setup pack test-pack test-colab
course: ; @$(PYTHON) tools/kit.py course
test: ; @$(PYTHON) tools/kit.py test
lessons: ; @$(PYTHON) tools/kit.py lessons
report: ; @$(PYTHON) tools/kit.py report
setup: ; @$(PYTHON) tools/kit.py setup
pack: ; @$(PYTHON) tools/kit.py pack
test-pack: ; @$(PYTHON) tools/kit.py test-pack
test-colab: ; @$(PYTHON) tools/kit.py test-colab
