"""Logs as many programs write them, made up line by line: each reads with nothing but its path.

Nothing in the readers knows these programs; what fails here is mended by a general rule.
"""

import json
import math

import pytest
from made_up import STEPS, Case, N, acc, check, clock, each, loss, rate

CASES = {
    # --- speech and translation ---
    "kaldi nnet3": Case(
        each(
            lambda i: (
                f"LOG (nnet3-train[5.5]:PrintStatsForThisMinibatch():nnet-training.cc:290) Average "
                f"objective function for 'output' for minibatches {10 * i - 10}-{10 * i - 1} is "
                f"{-loss(i):.5f} over 5120 frames."
            )
        ),
        "Average objective function", "minibatches", mode="max",
    ),
    "kaldi chain": Case(
        each(
            lambda i: (
                f"LOG (nnet3-chain-train[5.5]:PrintStatsForThisMinibatch():nnet-training.cc:1) "
                f"Average objective function for 'output-xent' for minibatches {100 * i}-"
                f"{100 * i + 99} is {-3 * loss(i):.5f} over 230400 frames."
            )
        ),
        "Average objective function", "minibatches", mode="max",
    ),
    "kaldi iterations": Case(
        each(
            lambda i: (
                f"2021-03-01 10:{clock(i)},123 [steps/nnet3/train_dnn.py:345 - train - INFO ] Iter: "
                f"{i - 1}/{N - 1}   Epoch: {i / 10:.2f}/4.0 ({25 * i / 10:.1f}% complete)   lr: "
                f"{rate(i):.6f}   "
            )
            + f"\n  train_loss={loss(i):.4f}"
        ),
        "train_loss", "Iter", lr="lr",
    ),
    "opennmt-py 1": Case(
        each(
            lambda i: (
                f"[2020-05-06 10:{clock(i)},321 INFO] Step {50 * i}/100000; acc: {100 * acc(i):6.2f}; "
                f"ppl: {math.exp(loss(i)):8.2f}; xent: {loss(i):4.2f}; lr: {rate(i):7.5f}; "
                f"9210/8000 tok/s; {6 * i:6.0f} sec"
            )
        ),
        "ppl", "Step", lr="lr",
    ),
    "opennmt-py 3": Case(
        each(
            lambda i: (
                f"[2023-05-06 10:{clock(i)},321 INFO] Step {100 * i}/50000; acc: {100 * acc(i):.1f}; ppl: "
                f"{math.exp(loss(i)):8.1f}; xent: {loss(i):.1f}; lr: {rate(i):.5f}; sents: {13000 + i}; "
                f"bsz: 3200/3000/33; 9210/8000 tok/s; {6 * i:6.0f} sec;"
            )
        ),
        "ppl", "Step", lr="lr",
    ),
    "fairseq json": Case(
        "2021-05-06 10:00:00 | INFO | fairseq_cli.train | Namespace(lr=[0.1], seed=1)\n"
        + each(
            lambda i: (
                f"2021-05-06 10:{clock(i)} | INFO | train_inner | "
                + json.dumps(
                    {
                        "epoch": 1 + i // 20, "update": i / 20, "loss": f"{loss(i):.3f}",
                        "nll_loss": f"{loss(i) - 0.2:.3f}", "ppl": f"{2 ** loss(i):.2f}",
                        "wps": "12345.6", "num_updates": str(100 * i), "lr": f"{rate(i)}",
                        "gnorm": "1.234", "train_wall": "33", "wall": str(30 * i),
                    }
                )
            )
        ),
        "loss", "num_updates", lr="lr",
    ),
    "espnet2": Case(
        each(
            lambda i: (
                f"[host] 2022-01-02 10:{clock(i)},123 (trainer:737) INFO: {1 + (i - 1) // 20}epoch:train:"
                f"{(i - 1) % 20 * 50 + 1}-{(i - 1) % 20 * 50 + 50}batch: iter_time=1.2e-04, "
                f"forward_time=0.1, loss_ctc={2 * loss(i):.3f}, loss_att={loss(i):.3f}, "
                f"acc={acc(i):.3f}, loss={1.3 * loss(i):.3f}, backward_time=0.2, "
                f"optim0_lr0={rate(i):.3e}, train_time=0.9"
            )
        ),
        "loss", "epoch, batch", lr="optim0_lr0",
    ),
    "joeynmt 2": Case(
        each(
            lambda i: (
                f"2022-01-02 10:{clock(i)},123 - INFO - joeynmt.training - Epoch   {1 + i // 20}, "
                f"Step: {100 * i:8d}, Batch Loss: {loss(i):12.6f}, Batch Acc: {acc(i):.6f}, "
                f"Tokens per Sec:     4321, Lr: {rate(i):.6f}"
            )
        ),
        "Batch Loss", "Step", lr="Lr",
    ),
    "nemo": Case(
        each(
            lambda i: (
                f"Epoch {i // 20}:  {i % 20 * 5}%|██▌       | {i % 20}/20 [00:0{i % 10}<00:30,  3.21it/s, "
                f"v_num=0, reduced_train_loss={loss(i):.3f}, global_step={i - 1}.0, lr={rate(i)}]"
            )
        ),
        "reduced_train_loss", "global_step", lr="lr",
    ),
    # --- large language models ---
    "megatron": Case(
        each(
            lambda i: (
                f" [2024-05-06 10:{clock(i)}] iteration {100 * i:8d}/  500000 | consumed samples: "
                f"{51200 * i:12d} | elapsed time per iteration (ms): 1234.5 | learning rate: "
                f"{rate(i):.6E} | global batch size:   512 | lm loss: {loss(i):.6E} | loss scale: 1.0 "
                f"| grad norm: 0.432 | number of skipped iterations:   0 | number of nan iterations: "
                f"  0 |"
            )
        ),
        "lm loss", "iteration", lr="learning rate",
    ),
    "deepspeed": Case(
        each(
            lambda i: (
                f"[2023-05-06 10:{clock(i)},123] [INFO] [logging.py:96:log_dist] [Rank 0] step={10 * i}, "
                f"skipped=0, lr=[{rate(i)}, {rate(i)}], mom=[(0.9, 0.999), (0.9, 0.999)]\n"
                f"[2023-05-06 10:{clock(i)},124] [INFO] [timer.py:215:stop] epoch=0/micro_step={10 * i}/"
                f"global_step={10 * i}, RunningAvgSamplesPerSec=3.1, CurrSamplesPerSec=3.2, "
                f"MemAllocated=1.2GB, MaxMemAllocated=7.8GB\n"
                f"steps: {10 * i} loss: {loss(i):.4f} iter time (s): 0.512 samples/sec: 62.5"
            )
        ),
        "loss", "steps", lr="lr",
    ),
    "hf print": Case(
        each(
            lambda i: (
                f"{{'loss': {loss(i):.4f}, 'grad_norm': 1.2, 'learning_rate': {rate(i)}, "
                f"'epoch': {i / 10:.2f}}}"
            )
            + (f"\n{{'eval_loss': {loss(i):.4f}, 'eval_runtime': 3.2, 'epoch': {i / 10:.2f}}}"
               if i % 10 == 0 else "")
        )
        + "{'train_runtime': 100.5, 'train_samples_per_second': 3.1, 'train_loss': 1.5, 'epoch': 4.0}\n",
        "loss", "epoch", lr="learning_rate",
    ),
    "torchtitan": Case(
        each(
            lambda i: (
                f"[rank0]:\x1b[36m[titan] 2024-11-06 10:{clock(i)},123 - root - INFO - \x1b[31mstep: "
                f"{10 * i:2d}  \x1b[32mloss: {loss(i):7.4f}  \x1b[33mmemory: 30.1GiB(31.7%)  "
                f"\x1b[34mtps: 3,210  \x1b[36mtflops: 40.1  \x1b[35mmfu: 12.9%\x1b[39m"
            )
        ),
        "loss", "step",
    ),
    "olmo": Case(
        each(
            lambda i: (
                f"2024-02-01 10:{clock(i)}.123\thost:0\ttrain:816\tINFO\t[step={i}/740000]\n"
                f"    optim/learning_rate_group0={rate(i)}\n"
                f"    train/CrossEntropyLoss={loss(i):.3f}\n"
                f"    train/Perplexity={math.exp(loss(i)):.1f}\n"
                f"    throughput/total_tokens={4194304 * i}\n"
                f"    throughput/device/tokens_per_second=8,123"
            )
        ),
        "train/CrossEntropyLoss", "step", lr="optim/learning_rate_group0",
    ),
    "llm.c": Case(
        each(
            lambda i: (
                f"step {i:4d}/19560 | loss {loss(i):7.6f} (+1.2z)| norm 0.2543 (-0.2z)| lr "
                f"{rate(i):.2e} | 2345.67 ms | 51.2% bf16 MFU | 223456 tok/s"
            )
        ),
        "loss", "step", lr="lr",
    ),
    "axolotl tqdm": Case(
        "".join(
            f"\r {i}/{N} [00:{i:02d}<00:10,  1.11s/it]\n{{'loss': {loss(i):.4f}, 'learning_rate': "
            f"{rate(i)}, 'epoch': {i / 10:.2f}}}\n"
            for i in STEPS
        ),
        "loss", "epoch", lr="learning_rate",
    ),
    # --- vision ---
    "yolov5 console": Case(
        each(
            lambda i: (
                f"\n      Epoch    GPU_mem   box_loss   obj_loss   cls_loss  Instances       Size\n"
                f"     {i - 1:3d}/{N - 1}      3.72G {loss(i):10.4g}     0.0611     0.0182         12        "
                f"640: 100%|██████████| 8/8 [00:02<00:00,  3.66it/s]\n"
                f"                 Class     Images  Instances          P          R      mAP50   mAP50-95: "
                f"100%|██████████| 4/4 [00:01<00:00,  3.9it/s]\n"
                f"                   all        128        929      0.688      0.599      0.669      0.432"
            )
        ),
        "box_loss", "Epoch",
    ),
    "ultralytics csv": Case(
        "                  epoch,      train/box_loss,      train/cls_loss,   metrics/mAP50(B), lr/pg0\n"
        + each(lambda i: f"{i:23d},{loss(i):20.4f},{1.2:20.4f},{acc(i):19.4f},{rate(i):8.4f}"),
        "train/box_loss", "epoch", lr="lr/pg0",
    ),
    "detectron2": Case(
        each(
            lambda i: (
                f"[05/06 10:{clock(i)} d2.utils.events]:  eta: 1:02:03  iter: {20 * i - 1}  total_loss: "
                f"{loss(i):.4g}  loss_cls: 0.5  loss_box_reg: 0.4  time: 0.21  last_time: 0.2  "
                f"data_time: 0.01  lr: {rate(i)}  max_mem: 3456M"
            )
        ),
        "total_loss", "iter", lr="lr",
    ),
    "mmengine": Case(
        each(
            lambda i: (
                f"05/06 10:{clock(i)} - mmengine - INFO - Epoch(train)   [{1 + (i - 1) // 10}][{50 * ((i - 1) % 10 + 1):4d}"
                f"/500]  lr: {rate(i):.4e}  eta: 1:02:03  time: 0.3  data_time: 0.01  memory: 3456  "
                f"grad_norm: 3.2  loss: {loss(i):.4f}  loss_rpn_cls: 0.1  acc: 95.1"
            )
        ),
        "loss", "Epoch, iteration", lr="lr",
    ),
    "paddle": Case(
        each(
            lambda i: (
                f"[2022/05/06 10:{clock(i)}] ppocr INFO: epoch: [{1 + (i - 1) // 10}/500], global_step: "
                f"{10 * i}, lr: {rate(i)}, acc: {acc(i):.6f}, loss: {loss(i):.6f}, avg_reader_cost: "
                f"0.01 s, avg_batch_cost: 0.2 s, avg_samples: 8.0, ips: 30.1 samples/s, eta: 1:02:03"
            )
        ),
        "loss", "global_step", lr="lr",
    ),
    "timm": Case(
        each(
            lambda i: (
                f"Train: {(i - 1) // 10} [{50 * ((i - 1) % 10):4d}/500 ({10 * ((i - 1) % 10):3d}%)]  Loss: "
                f"{loss(i):6.3f} ({loss(i):.3f})  Time: 0.21s, 1210.3/s  (0.22s, 1200.1/s)  LR: "
                f"{rate(i):.3e}  Data: 0.01 (0.02)"
            )
        ),
        "Loss", "Train, iteration", lr="LR",
    ),
    "pytorch mnist": Case(
        each(
            lambda i: (
                f"Train Epoch: {1 + (i - 1) // 10} [{6400 * ((i - 1) % 10)}/60000 ({10 * ((i - 1) % 10)}%)]\t"
                f"Loss: {loss(i):.6f}"
            )
            + (f"\n\nTest set: Average loss: {loss(i):.4f}, Accuracy: 9876/10000 (99%)\n"
               if i % 10 == 0 else "")
        ),
        "Loss", "Train Epoch, iteration",
    ),
    "fastai table": Case(
        "epoch     train_loss  valid_loss  accuracy  time    \n"
        + each(lambda i: f"{i - 1:<10}{loss(i):<12.6f}{loss(i) + 0.1:<12.6f}{acc(i):<10.6f}00:0{i % 10}"),
        "train_loss", "epoch",
    ),
    "darknet": Case(
        each(
            lambda i: (
                f" {i}: {loss(i):.6f}, {loss(i):.6f} avg loss, {rate(i):.6f} rate, 3.123456 seconds, "
                f"{64 * i} images, 12.3 hours left"
            )
        ),
        "loss", "iteration", lr="rate",
    ),
    "caffe": Case(
        each(
            lambda i: (
                f"I0411 08:54:{i:02d}.202049 10647 solver.cpp:237] Iteration {20 * i} (3.2 iter/s, 6.2s/20 "
                f"iters), loss = {loss(i):.5f}\n"
                f"I0411 08:54:{i:02d}.202049 10647 solver.cpp:253]     Train net output #0: loss = "
                f"{loss(i):.5f} (* 1 = {loss(i):.5f} loss)\n"
                f"I0411 08:54:{i:02d}.202049 10647 sgd_solver.cpp:106] Iteration {20 * i}, lr = {rate(i)}"
            )
        ),
        "loss", "Iteration", lr="lr",
    ),
    "mxnet speedometer": Case(
        each(
            lambda i: (
                f"INFO:root:Epoch[{(i - 1) // 10}] Batch [{50 * ((i - 1) % 10)}-{50 * ((i - 1) % 10) + 50}]\t"
                f"Speed: 1234.56 samples/sec\taccuracy={acc(i):.6f}\tcross-entropy={loss(i):.6f}"
            )
        ),
        "cross-entropy", "Epoch, Batch",
    ),
    "gluoncv": Case(
        each(
            lambda i: (
                f"[Epoch {(i - 1) // 10}][Batch {(i - 1) % 10 * 100 + 99}], LR: {rate(i):.2E}, Speed: 31.2 samples/sec, "
                f"ObjLoss={loss(i):.3f}, BoxCenterLoss=0.8, ClassLoss=1.2"
            )
        ),
        "ObjLoss", "Epoch, Batch", lr="LR",
    ),
    "keras bar": Case(
        "".join(
            f"Epoch {i}/{N}\n"
            + "".join(
                f"\r {k}/4 [{'=' * (k * 7)}{'.' * (28 - k * 7)}] - ETA: 0s - loss: {loss(i) + 0.1:.4f} - "
                f"accuracy: {acc(i):.4f}"
                for k in range(1, 4)
            )
            + f"\r4/4 [{'=' * 28}] - 1s 250ms/step - loss: {loss(i):.4f} - accuracy: {acc(i):.4f} - "
            f"val_loss: {loss(i) + 0.2:.4f} - val_accuracy: {acc(i):.4f}\n"
            for i in STEPS
        ),
        "loss", "Epoch, iteration", points=4 * N,
    ),
    "keras 3 file": Case(
        each(
            lambda i: (
                f"Epoch {i}/{N}\n\x1b[1m100/100\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m3s\x1b[0m "
                f"12ms/step - accuracy: {acc(i):.4f} - loss: {loss(i):.4f} - learning_rate: {rate(i)}"
            )
        ),
        "loss", "Epoch", lr="learning_rate",
    ),
    "tensorflow 1": Case(
        each(
            lambda i: (
                f"INFO:tensorflow:loss = {loss(i):.7f}, step = {100 * i} (12.345 sec)\n"
                f"INFO:tensorflow:global_step/sec: 8.{i:03d}"
            )
        ),
        "loss", "step",
    ),
    "tf object detection": Case(
        each(
            lambda i: (
                f"I0506 10:{clock(i)}.123456 140123456789 model_lib_v2.py:705] Step {100 * i} per-step time "
                f"0.321s loss={loss(i):.3f}"
            )
        ),
        "loss", "Step",
    ),
    # --- boosting ---
    "lightgbm": Case(
        "[LightGBM] [Info] Total Bins 12345\n[LightGBM] [Info] Number of data points in the train set: "
        "1000, number of used features: 28\n"
        + each(lambda i: f"[{i}]\ttraining's l2: {loss(i):.6f}\tvalid_1's l2: {loss(i) + 0.1:.6f}"),
        "training's l2", "iteration",
    ),
    "lightgbm cli": Case(
        each(
            lambda i: (
                f"[LightGBM] [Info] Iteration:{i}, training auc : {acc(i):.6f}\n"
                f"[LightGBM] [Info] {i / 10:.6f} seconds elapsed, finished iteration {i}"
            )
        ),
        "training auc", "Iteration", mode="max",
    ),
    "xgboost": Case(
        each(lambda i: f"[{i - 1}]\tvalidation_0-logloss:{loss(i):.5f}\tvalidation_1-logloss:{loss(i):.5f}"),
        "validation_0-logloss", "iteration",
    ),
    "xgboost time": Case(
        each(lambda i: f"[10:{clock(i)}] [{i}]\ttrain-auc:{acc(i):.5f}\teval-auc:{acc(i):.5f}"),
        "train-auc", "iteration", mode="max",
    ),
    "catboost": Case(
        "Learning rate set to 0.03\n"
        + each(
            lambda i: (
                f"{i - 1}:\tlearn: {loss(i):.7f}\ttest: {loss(i) + 0.1:.7f}\tbest: {loss(i):.7f} ({i - 1})\t"
                f"total: {12 * i}ms\tremaining: {12 * (N - i)}ms"
            )
        ),
        "learn", "iteration", mode="both",
    ),
    "sklearn gbm": Case(
        "      Iter       Train Loss   Remaining Time \n"
        + each(lambda i: f"{i:10d}     {loss(i):12.4f}           {i / 10:6.2f}s"),
        "Train Loss", "Iter",
    ),
    "sklearn mlp": Case(each(lambda i: f"Iteration {i}, loss = {loss(i):.8f}"), "loss", "Iteration"),
    # --- reinforcement learning ---
    "stable-baselines3": Case(
        each(
            lambda i: (
                "---------------------------------\n| rollout/           |          |\n"
                f"|    ep_len_mean     | 23.4     |\n|    ep_rew_mean     | {10 * acc(i):<8.3g} |\n"
                "| time/              |          |\n|    fps             | 1234     |\n"
                f"|    iterations      | {i:<8} |\n|    total_timesteps | {2048 * i:<8} |\n"
                "| train/             |          |\n|    approx_kl       | 0.01     |\n"
                f"|    learning_rate   | {rate(i):<8} |\n|    loss            | 12.3     |\n"
                "---------------------------------"
            )
        ),
        "ep_rew_mean", "total_timesteps", mode="max", lr="learning_rate",
    ),
    "sb3 monitor": Case(
        '#{"t_start": 1700000000.1, "env_id": "CartPole-v1"}\nr,l,t\n'
        + each(lambda i: f"{100 * acc(i):.1f},{20 + i % 7},{i * 1.5:.6f}"),
        "r", "t", mode="max",
    ),
    "spinning up": Case(
        "Epoch\tAverageEpRet\tStdEpRet\tTotalEnvInteracts\tLossPi\tTime\n"
        + each(lambda i: f"{i - 1}\t{100 * acc(i):.4f}\t3.2\t{4000 * i}\t-0.02\t{10.5 * i}"),
        "AverageEpRet", "TotalEnvInteracts", mode="max",
    ),
    "rllib result.json": Case(
        each(
            lambda i: json.dumps(
                {
                    "episode_reward_max": 200.0, "episode_reward_mean": 100 * acc(i),
                    "timesteps_total": 4000 * i, "training_iteration": i,
                    "info": {"learner": {"default_policy": {"learner_stats": {
                        "cur_lr": rate(i), "total_loss": 3.0, "vf_loss": 2.0}}}},
                    "time_total_s": 3.2 * i, "timestamp": 1700000000 + i, "hostname": "h",
                }
            )
        ),
        "episode_reward_mean", "timesteps_total", mode="max",
        lr="info.learner.default_policy.learner_stats.cur_lr",
    ),
    "gymnasium print": Case(
        each(lambda i: f"Episode {i}\tLast reward: {100 * acc(i):.2f}\tAverage reward: {90 * acc(i):.2f}"),
        "Last reward", "Episode", mode="max",
    ),
    "cleanrl": Case(
        each(lambda i: f"global_step={128 * i}, episodic_return=[{100 * acc(i):.1f}]"),
        "episodic_return", "global_step", mode="max",
    ),
    # --- simulation and measurement ---
    "lammps": Case(
        "LAMMPS (29 Sep 2021)\nReading data file ...\n  orthogonal box = (0 0 0) to (10 10 10)\n"
        "Step Temp E_pair E_mol TotEng Press \n"
        + each(
            lambda i: f"{100 * (i - 1):8d} {300 + i:10.5g} {-100 * acc(i):12.6g}            0 {-90 * acc(i):12.6g}    -3.2"
        )
        + "Loop time of 1.23 on 4 procs for 4000 steps with 4000 atoms\n",
        "TotEng", "Step", mode="both",
    ),
    "gromacs": Case(
        each(
            lambda i: (
                f"           Step           Time\n{500 * i:15d}{float(i):15.5f}\n\n   Energies (kJ/mol)\n"
                f"           Bond          Angle      Potential    Kinetic En.   Total Energy\n"
                f"    1.23456e+03    2.34567e+03   {-1e5 * acc(i):.5e}    3.45678e+04   {-9e4 * acc(i):.5e}\n"
            )
        ),
        "Total Energy", "Step", mode="both",
    ),
    "openmm": Case(
        '#"Step","Potential Energy (kJ/mole)","Temperature (K)"\n'
        + each(lambda i: f"{1000 * i},{-100 * acc(i):.6f},{300 + i % 3}"),
        "Potential Energy (kJ/mole)", "Step", mode="both",
    ),
    "scipy": Case(
        each(lambda i: f"At iterate{i:5d}    f= {loss(i):.5E}    |proj g|=  {loss(i) / 3:.5E}\n"),
        "f", "iterate",
    ),
    "ipopt": Case(
        "iter    objective    inf_pr   inf_du lg(mu)  ||d||  lg(rg) alpha_du alpha_pr  ls\n"
        + each(
            lambda i: f"{i - 1:4d} {loss(i):14.7e} {loss(i) / 9:.2e} {loss(i) / 8:.2e}  -1.0 0.00e+00    -  1.00e+00 1.00e+00   0"
        ),
        "objective", "iter",
    ),
    "jmh": Case(
        "# Warmup Iteration   1: 12.3 ns/op\n# Warmup Iteration   2: 11.3 ns/op\n"
        + each(lambda i: f"Iteration {i:3d}: {loss(i):.3f} ns/op"),
        "ns/op", "Iteration",
    ),
    "ping": Case(
        "PING host (1.2.3.4) 56(84) bytes of data.\n"
        + each(lambda i: f"64 bytes from 1.2.3.4: icmp_seq={i} ttl=57 time={10 * loss(i):.1f} ms"),
        "time", "icmp_seq",
    ),
    "nvidia-smi": Case(
        "timestamp, index, utilization.gpu [%], memory.used [MiB], temperature.gpu\n"
        + each(lambda i: f"2024/05/06 10:{clock(i)}.123, 0, {50 + i % 9} %, {1000 + i * 7 % 13} MiB, {40 + i * 5 % 7}"),
        "utilization.gpu [%]", "timestamp", mode="both",
    ),
    "k6 json": Case(
        '{"type":"Metric","data":{"name":"http_req_duration","type":"trend"},"metric":"http_req_duration"}\n'
        + each(
            lambda i: json.dumps(
                {"type": "Point", "metric": "http_req_duration",
                 "data": {"time": f"2024-05-06T10:{clock(i)}.1Z", "value": 100 * loss(i)}}
            )
        ),
        "http_req_duration", "data.time",
    ),
    "prometheus range": Case(
        json.dumps(
            {"status": "success", "data": {"resultType": "matrix", "result": [
                {"metric": {"__name__": "loss", "job": "train"},
                 "values": [[1700000000 + 15 * i, f"{loss(i):.4f}"] for i in STEPS]}]}}
        ),
        "loss", "timestamp",
    ),
    # --- tables and documents ---
    "keras history": Case(
        json.dumps({"loss": [loss(i) for i in STEPS], "val_loss": [loss(i) for i in STEPS]}),
        "loss", "row",
    ),
    "lightning csv": Case(
        "epoch,lr-Adam,step,train_loss,val_loss\n"
        + each(lambda i: f"{(i - 1) // 10},{rate(i)},{i - 1},{loss(i)},")
        + "4,,40,,0.5\n",
        "train_loss", "step", lr="lr-Adam",
    ),
    "long csv": Case(
        "run,step,metric,value\n"
        + each(lambda i: f"a,{i},loss,{loss(i)}\na,{i},lr,{rate(i)}"),
        "loss", "step", lr="lr",
    ),
    "wandb history export": Case(
        "_step,_timestamp,_runtime,train/loss,train/lr,system.gpu\n"
        + each(lambda i: f"{i},{1.7e9 + i},{i * 2.5},{loss(i)},{rate(i)},50"),
        "train/loss", "_step", lr="train/lr",
    ),
    "semicolons": Case(
        "Schritt;Verlust;loss\n" + each(lambda i: f"{i};{3};{loss(i):.4f}".replace(".", ",")),
        "loss", "Schritt",
    ),
    "accelerate": Case(
        "".join(
            f"\rSteps: {100 * i // N}%|██        | {i}/{N} [00:{i:02d}<01:00,  1.02it/s, lr={rate(i)}, step_loss={loss(i):.3f}]"
            for i in STEPS
        ),
        "step_loss", "iteration", lr="lr",
    ),
    "logfmt": Case(
        each(lambda i: f'time="2024-05-06T10:{clock(i)}Z" level=info msg="train" step={i} loss={loss(i):.4f}'),
        "loss", "step",
    ),
    "json in text": Case(
        each(lambda i: f'2024-05-06 10:{clock(i)} INFO {{"step": {i}, "loss": {loss(i):.4f}, "lr": {rate(i)}}}'),
        "loss", "step", lr="lr",
    ),
    "flax": Case(
        each(
            lambda i: (
                f"I0506 10:{clock(i)}.123456 140123456789 logging_writer.py:48] [{100 * i}] learning_rate={rate(i)}, "
                f"loss={loss(i):.6f}, steps_per_second=3.2"
            )
        ),
        "loss", "iteration", lr="learning_rate",
    ),
    "allennlp bar": Case(
        "".join(
            f"\raccuracy: {acc(i):.4f}, batch_loss: {loss(i):.4f}, loss: {loss(i):.4f} ||: {i}/{N} [00:{i:02d}<00:03, 3.2it/s]"
            for i in STEPS
        ),
        "batch_loss", "iteration",
    ),
    "spacy": Case(
        "E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE \n"
        "---  ------  ------------  --------  ------  ------  ------  ------\n"
        + each(lambda i: f"{i // 10:3d}  {200 * i:6d}  {loss(i):12.2f}  {3 * loss(i):8.2f}  {100 * acc(i):6.2f}   60.00   55.00  {acc(i):6.2f}"),
        "LOSS NER", "#",
    ),
    "flair": Case(
        each(
            lambda i: (
                f"2022-05-06 10:{clock(i)},123 epoch {1 + (i - 1) // 10} - iter {10 * ((i - 1) % 10 + 1)}/100 - loss "
                f"{loss(i):.8f} - time (sec): 1.23 - samples/sec: 260.1 - lr: {rate(i):.6f}"
            )
        ),
        "loss", "epoch, iter", lr="lr",
    ),
    "coursera": Case(each(lambda i: f"Cost after iteration {100 * i}: {loss(i):.6f}"), "Cost", "iteration"),
    "icefall": Case(
        each(
            lambda i: (
                f"2022-05-06 10:{clock(i)},123 INFO [train.py:876] (0/4) Epoch {(i - 1) // 10 + 1}, batch "
                f"{50 * ((i - 1) % 10)}, loss[loss={loss(i):.4f}, simple_loss=0.5, over 4567.00 frames. ], "
                f"tot_loss[loss={loss(i) + 0.1:.4f}, simple_loss=0.5, over 923456.12 frames. ], batch size: "
                f"23, lr: {rate(i):.2e}, grad_scale: 16.0"
            )
        ),
        "loss", "Epoch, batch", lr="lr",
    ),
    "xtuner": Case(
        each(
            lambda i: (
                f"05/06 10:{clock(i)} - mmengine - INFO - Iter(train) [{10 * i:5d}/1000]  lr: {rate(i):.4e}  "
                f"eta: 0:12:34  time: 1.2  data_time: 0.01  memory: 12345  loss: {loss(i):.4f}"
            )
        ),
        "loss", "Iter", lr="lr",
    ),
    "jaxline": Case(
        each(
            lambda i: (
                f"I0506 10:{clock(i)}.123456 1234 utils.py:123] global_step: {50 * i}, {{'loss': "
                f"array({loss(i):.5f}, dtype=float32), 'steps_per_sec': 3.2, 'learning_rate': {rate(i)}}}"
            )
        ),
        "loss", "global_step", lr="learning_rate",
    ),
    "ml-agents": Case(
        each(
            lambda i: (
                f"[INFO] 3DBall. Step: {1000 * i}. Time Elapsed: {3.2 * i:.3f} s. Mean Reward: "
                f"{acc(i):.3f}. Std of Reward: 0.5. Training."
            )
        ),
        "Mean Reward", "Step", mode="max",
    ),
    "tianshou": Case(
        each(
            lambda i: (
                f"Epoch #{i}: 10001it [00:12, 800.1it/s, env_step={1000 * i}, len=200, "
                f"loss={loss(i):.3f}, n/ep=1, n/st=10, rew={100 * acc(i):.2f}]"
            )
        ),
        "rew", "env_step", mode="max",
    ),
    "verl": Case(
        each(
            lambda i: (
                f"step:{i} - global_seqlen/min:1234.000 - actor/entropy_loss:0.5 - actor/pg_loss:-0.01 - "
                f"actor/lr:{rate(i):.3f} - critic/rewards/mean:{acc(i):.3f} - response_length/mean:123.4"
            )
        ),
        "critic/rewards/mean", "step", mode="max", lr="actor/lr",
    ),
    "skorch": Case(
        "  epoch    train_loss    valid_acc     dur\n-------  ------------  -----------  ------\n"
        + each(lambda i: f"{i:7d}  \x1b[36m{loss(i):12.4f}\x1b[0m  {acc(i):11.4f}  0.0234"),
        "train_loss", "epoch",
    ),
    "su2": Case(
        "+---+\n|  Inner_Iter|    Time(sec)|    rms[Rho]|   rms[RhoE]|          CL|\n+---+\n"
        + each(lambda i: f"|{i - 1:12d}|   1.2345e-01|{-3 + loss(i):12.6f}|{-9 + loss(i):12.6f}|    0.123456|"),
        "rms[Rho]", "Inner_Iter",
    ),
    "fluent": Case(
        "  iter  continuity  x-velocity  y-velocity      k     epsilon     time/iter\n"
        + each(lambda i: f"{i:6d}  {loss(i):.4e}  {loss(i) / 3:.4e}  {loss(i) / 4:.4e}  1.2e-03  3.4e-03  0:0{i % 10}:12  {400 - i:4d}"),
        "continuity", "iter", mode="both",
    ),
    "prometheus text": Case(
        each(
            lambda i: (
                f"# HELP train_loss Loss\n# TYPE train_loss gauge\n"
                f"train_loss{{job=\"a\"}} {loss(i):.4f} {1700000000000 + 15000 * i}"
            )
        ),
        "train_loss", "timestamp",
    ),
    "sacred": Case(
        json.dumps(
            {"training.loss": {"steps": [10 * i for i in STEPS], "values": [loss(i) for i in STEPS]},
             "lr": {"steps": [10 * i for i in STEPS], "values": [rate(i) for i in STEPS]}}
        ),
        "training.loss", "steps", lr="lr",
    ),
    "neptune export": Case(
        "run_id,attribute_path,step,timestamp,value\n"
        + each(
            lambda i: (
                f"A-1,train/loss,{i},2024-05-06T10:{clock(i)}Z,{loss(i)}\n"
                f"A-1,train/lr,{i},2024-05-06T10:{clock(i)}Z,{rate(i)}"
            )
        ),
        "train/loss", "step", lr="train/lr",
    ),
    "sockeye": Case(
        each(
            lambda i: (
                f"[2020-05-06:10:{clock(i)}:INFO:sockeye.training:__call__] Epoch[0] Batch [{50 * i}]\tSpeed: 812.34 "
                f"samples/sec 20123.45 tokens/sec 3.21 updates/sec\tperplexity={math.exp(loss(i)):.6f}"
            )
        ),
        "perplexity", "Batch",
    ),
    "tensor2tensor eval": Case(
        each(lambda i: f"Epoch {i}: lr={rate(i)} train_acc={acc(i):.4f} test_acc={acc(i):.4f}"),
        "train_acc", "Epoch", mode="max", lr="lr",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])
