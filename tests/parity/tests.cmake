holdfast_python_test(parity.tokenizer parity/tokenizer_parity.py)
holdfast_python_test(parity.chat_template parity/chat_template_parity.py)
holdfast_python_test(parity.model parity/model_parity.py)
holdfast_python_test(parity.train parity/train_parity.py)
holdfast_python_test(parity.operations parity/operations_parity.py)
holdfast_python_test(report.browser parity/browser.py)
# Ten kills of the demo take minutes: ctest --preset all.
holdfast_python_test(journal.kill parity/kill.py LABELS slow TIMEOUT 1800)
