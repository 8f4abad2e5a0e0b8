holdfast_python_test(parity.tokenizer parity/tokenizer_parity.py ARGUMENTS --texts 600)
holdfast_python_test(parity.chat_template parity/chat_template_parity.py ARGUMENTS --quick)
holdfast_python_test(parity.plain_content parity/plain_content_parity.py)
# Ten thousand texts each, and all conversations: ctest --preset all.
holdfast_python_test(parity.tokenizer_all parity/tokenizer_parity.py ARGUMENTS --texts 10000 LABELS slow TIMEOUT 1800)
holdfast_python_test(parity.chat_template_all parity/chat_template_parity.py LABELS slow)
holdfast_python_test(text.commands parity/text_commands.py)
holdfast_python_test(parity.model parity/model_parity.py)
holdfast_python_test(parity.train parity/train_parity.py)
holdfast_python_test(parity.families parity/families_parity.py ARGUMENTS --quick)
holdfast_python_test(parity.families_again parity/families_again.py)
# All configurations, two minutes; three steps of each family beside PEFT: ctest --preset all.
holdfast_python_test(parity.families_all parity/families_parity.py LABELS slow)
holdfast_python_test(parity.families_train parity/families_train_parity.py LABELS slow)
holdfast_python_test(parity.operations parity/operations_parity.py)
holdfast_python_test(parity.quantize parity/quantize_parity.py)
holdfast_python_test(parity.gguf parity/gguf_parity.py ARGUMENTS --quick)
# Every block type, rotary scaling and tokenizer, three minutes: ctest --preset all.
holdfast_python_test(parity.gguf_all parity/gguf_parity.py LABELS slow)
# SmolLM2 and Gemma 3 out of their GGUF files, a corner in four minutes and all of it: ctest --preset all.
holdfast_python_test(parity.real_models parity/real_models_parity.py ARGUMENTS --quick LABELS slow TIMEOUT 1200)
holdfast_python_test(parity.real_models_all parity/real_models_parity.py LABELS slow TIMEOUT 7200)
holdfast_python_test(parity.nf4 parity/nf4_parity.py)
holdfast_python_test(parity.variants parity/variants_parity.py)
holdfast_python_test(parity.judges parity/judge_parity.py)
holdfast_python_test(train.resume parity/train_resume.py)
# Fifty kills take minutes: ctest --preset all.
holdfast_python_test(train.resume_kills parity/train_resume.py ARGUMENTS 50 LABELS slow TIMEOUT 1800)
holdfast_python_test(start.cache parity/start.py)
# One run of the whole demo for all that look at it.
set(demo_directory ${CMAKE_BINARY_DIR}/demo-run)
holdfast_python_test(demo.run parity/demo_run.py ARGUMENTS ${demo_directory})
holdfast_python_test(demo.targets parity/organism_targets.py ARGUMENTS ${demo_directory})
holdfast_python_test(report.browser parity/browser.py ARGUMENTS ${demo_directory})
set_tests_properties(demo.run PROPERTIES FIXTURES_SETUP demo)
set_tests_properties(demo.targets report.browser PROPERTIES FIXTURES_REQUIRED demo)
holdfast_python_test(journal.kill parity/kill.py)
holdfast_python_test(journal.interrupt parity/interrupt.py)
# Ten kills of the whole demo take minutes: ctest --preset all.
holdfast_python_test(journal.kill_full parity/kill.py ARGUMENTS full LABELS slow TIMEOUT 1800)
# Every request of the capability pages, as text and ids, beside lm-evaluation-harness; no model runs.
holdfast_python_test(parity.lm_eval_requests parity/lm_eval_requests.py)
set_tests_properties(parity.lm_eval_requests PROPERTIES ENVIRONMENT_MODIFICATION "HF_HUB_OFFLINE=set:1")
# What the organism and SmolLM2 answer and score, item by item beside lm-evaluation-harness: ctest --preset all.
holdfast_python_test(parity.lm_eval_items parity/lm_eval_items.py ARGUMENTS assets/organism --items 12 LABELS slow TIMEOUT 3600)
holdfast_python_test(parity.lm_eval_items_smollm2 parity/lm_eval_items.py ARGUMENTS models/smollm2 --items 6 --shots LABELS slow TIMEOUT 7200)
set_tests_properties(parity.lm_eval_items parity.lm_eval_items_smollm2 PROPERTIES ENVIRONMENT_MODIFICATION "HF_HUB_OFFLINE=set:1")
holdfast_python_test(parity.ifeval parity/ifeval_run.py)
set_tests_properties(parity.ifeval PROPERTIES ENVIRONMENT_MODIFICATION "HF_HUB_OFFLINE=set:1")
# A few items of the real run beside the PyTorch pipeline, two minutes: ctest --preset all.
holdfast_python_test(parity.real_run parity/real_run.py LABELS slow)
# Peak memory against the planner: at a width of 1024; at the true widths, to 13B in full depth, half an hour.
holdfast_python_test(sizes.quick parity/sizes.py ARGUMENTS quick)
holdfast_python_test(sizes.slow parity/sizes.py ARGUMENTS slow LABELS slow TIMEOUT 7200)
set_tests_properties(sizes.quick sizes.slow PROPERTIES RUN_SERIAL TRUE)
holdfast_python_test(label.page parity/label_page.py)
holdfast_python_test(label.run parity/label_run.py)
holdfast_python_test(docs.measuring parity/measuring.py)
holdfast_python_test(power.command parity/power_command.py)
