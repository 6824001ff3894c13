"""The what-if page: levers on the left, fan charts of the baseline beside the variant on the right, one firm, one fund.

serving.py    `run.py serve`: a socket on loopback, uvicorn, the address printed
web.py        the requests there are, and what each answers
safety.py     who may ask, how much, and what the browser may do with the answer
catalogue.py  the scenarios that have a name here; nothing else of the file system can be reached
levers.py     what can be moved, within which range; what was typed -> numbers, or a message beside its field
worlds.py     threads that keep a warm world each; replications lived once and kept; newer work goes before older
answers.py    replications -> what the charts and the table show, by the measures of sim.analysis.compare
explore.py    one world lived again with its logs: its firms, its funds
saving.py     lever settings -> a scenario file that says only what differs
words.py      every word that the page shows, in Chinese and English
static/, templates/   the page;  vendor/   Apache ECharts, as its makers publish it
"""
