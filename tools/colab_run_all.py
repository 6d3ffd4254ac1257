# %% [markdown]
# # Run the whole course in Colab
#
# {{badges}}
#
# This notebook runs every lesson from top to bottom, in its solved form, and keeps the executed notebooks, the trained
# experiments and the records in the folder `fakeface` of your Drive. Put Kaggle's zips there first; without them the
# lessons run on drawn portraits and prove nothing. Stop it when you like, or lose the machine: run all cells again, and
# it goes on with what is not finished yet.

# %% [markdown]
# ## Which lessons, and how
#
# In the profile `colab` a lesson is meant to take at most 45 minutes on a T4; what was measured stands in the README.

# %% tags=["parameters"]
PROFILE = "auto"  # smoke, laptop, colab or paper; auto looks at your data and your GPU
LESSONS = []  # such as ["01", "02"]; an empty list runs all
FRESH = False  # True runs also the lessons that nothing has changed for

# %%
import pandas as pd

from fakeface_utils.lessons import setup

profile = setup.choose_profile(PROFILE)
pd.Series({"profile": profile, "lessons": LESSONS or "all"}, name="this run").to_frame()

# %% [markdown]
# ## Run
#
# One line a lesson, with the cell it is at. A lesson that fails is shown with its error and does not stop the others.

# %%
# !pip install --quiet papermill
# !python -m fakeface_utils sample
out = DRIVE / "course" / profile if ON_DRIVE else Path("build/course").resolve()
print(f"executed lessons go to {out}")
command = f"--profile {profile} --kind solutions --out {out}"
command += f" --only {' '.join(LESSONS)}" if LESSONS else ""
command += " --fresh" if FRESH else ""
# !python -m tools.run_lessons {command}

# %% [markdown]
# ## Look
#
# The executed lessons as pages, in the same folder. Pages made from the real sets show photographs of people: keep
# them for yourself.

# %%
private = "" if profile == "smoke" else "--private"
# !python -m tools.course_pages --out {out} {private}

# %% [markdown]
# Everything is on its way to Drive; the next cell waits until it has arrived. After it, the machine may go.

# %%
if ON_DRIVE:
    drive.flush_and_unmount()
    ON_DRIVE = False
    for name in KEPT:
        os.environ.pop(name)
