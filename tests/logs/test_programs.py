"""Logs of further programs: solvers, simulations, older and newer trainers, services."""

import json

import pytest
from made_up import STEPS, Case, N, acc, check, clock, each, loss, rate

CASES = {
    "matlab verbose": Case(
        "Training on single GPU.\nInitializing input data normalization.\n"
        "|======================================================================================================================|\n"
        "|  Epoch  |  Iteration  |  Time Elapsed  |  Mini-batch  |  Validation  |  Mini-batch  |  Validation  |  Base Learning  |\n"
        "|         |             |   (hh:mm:ss)   |   Accuracy   |   Accuracy   |     Loss     |     Loss     |      Rate       |\n"
        "|======================================================================================================================|\n"
        + each(lambda i: f"|  {1+i//10:5d}  |  {50*i:9d}  |       00:00:{i:02d} |  {100*acc(i):9.2f}%  |" + (f"  {100*acc(i):9.2f}%  |" if i % 5 == 0 else "              |") + f"  {loss(i):10.4f}  |" + (f"  {loss(i):10.4f}  |" if i % 5 == 0 else "              |") + f"  {rate(i):13.4f}  |")
        + "|======================================================================================================================|\n",
        "Mini-batch Loss", "Iteration", lr="Base Learning Rate"),
    "namd": Case(
        "Info: NAMD 2.14 for Linux-x86_64-multicore\nInfo: \nETITLE:      TS           BOND          ANGLE          DIHED          IMPRP               ELECT            VDW       BOUNDARY           MISC        KINETIC               TOTAL           TEMP      POTENTIAL         TOTAL3        TEMPAVG\n\n"
        + each(lambda i: f"ENERGY:  {1000*i:7d}       12.3456       45.6789        12.3000         1.0000          -1234.5678      123.4567         0.0000         0.0000       345.6789          {-900*acc(i):10.4f}       {300+i%3}.1234    -1300.1234      -950.1234       300.1000\n" + (f"WRITING COORDINATES TO DCD FILE AT STEP {1000*i}" if i % 5 == 0 else "")),
        "TOTAL", "TS"),
    "quantum espresso": Case(
        "     Program PWSCF v.6.5 starts\n" + each(lambda i: f"     iteration #{i:3d}     ecut=    30.00 Ry     beta= 0.70\n     Davidson diagonalization with overlap\n     ethr =  1.00E-02,  avg # of iterations =  2.0\n\n     total cpu time spent up to now is   {i*1.1:9.1f} secs\n\n     total energy              =    {-15.8*acc(i):.8f} Ry\n     Harris-Foulkes estimate   =    {-15.9*acc(i):.8f} Ry\n     estimated scf accuracy    <       {loss(i)/100:.8f} Ry\n"),
        "total energy", "iteration #", mode="both"),
    "cp2k": Case(
        "  Step     Update method      Time    Convergence         Total energy    Change\n  ------------------------------------------------------------------------------\n"
        + each(lambda i: f"  {i:4d} OT DIIS     0.80E-01    0.2     {loss(i)/100:.8f}      {-17*acc(i):.10f} -1.23E-01"),
        "Total energy", "Step", mode="both"),
    "cmdstan csv": Case(
        "# stan_version_major = 2\n# model = m\n# method = sample (Default)\nlp__,accept_stat__,stepsize__,treedepth__,n_leapfrog__,divergent__,energy__,theta\n# Adaptation terminated\n# Step size = 0.9\n"
        + each(lambda i: f"{-7*loss(i):.4f},0.99,0.9,1,3,0,{7.5*loss(i):.4f},{acc(i):.4f}") + "# \n#  Elapsed Time: 0.005 seconds (Warm-up)\n",
        "energy__", "row", mode="both"),
    "stan advi": Case(
        "Begin stochastic gradient ascent.\n  iter             ELBO   delta_ELBO_mean   delta_ELBO_med   notes \n"
        + each(lambda i: f"{100*i:6d}         {-100*loss(i):8.3f}             1.000            1.000"),
        "ELBO", "iter", mode="max"),
    "pymc advi": Case(
        "".join(f"\rAverage Loss = {100*loss(i):.5g}:  {2*i}%|▋         | {250*i}/10000 [00:{i:02d}<01:00, 1234.56it/s]" for i in STEPS),
        "Average Loss", "iteration"),
    "numpyro svi": Case(
        "".join(f"\r {2*i}%|▋         | {50*i}/2000 [00:{i:02d}<00:30, 123.4it/s, init loss: 1234.5678, avg. loss [{50*i-49}-{50*i}]: {100*loss(i):.4f}]" for i in STEPS),
        "avg. loss", "iteration"),
    "r keras": Case(
        each(lambda i: f"Epoch {i}/{N}\n375/375 - 3s - loss: {loss(i):.4f} - accuracy: {acc(i):.4f} - val_loss: {loss(i)+.1:.4f} - val_accuracy: {acc(i):.4f} - 3s/epoch - 8ms/step"),
        "loss", "Epoch"),
    "keras verbose 2 old": Case(
        "Train on 60000 samples, validate on 10000 samples\n" + each(lambda i: f"Epoch {i}/{N}\n - 3s - loss: {loss(i):.4f} - acc: {acc(i):.4f} - val_loss: {loss(i)+.1:.4f} - val_acc: {acc(i):.4f}\n\nEpoch {i:05d}: val_loss improved from {loss(i)+.2:.5f} to {loss(i)+.1:.5f}, saving model to w.{i:02d}.h5"),
        "loss", "Epoch"),
    "vowpal wabbit": Case(
        "Num weight bits = 18\nlearning rate = 0.5\ninitial_t = 0\npower_t = 0.5\nusing no cache\nReading datafile = train.dat\nnum sources = 1\n"
        "average  since         example        example  current  current  current\nloss     last          counter         weight    label  predict features\n"
        + each(lambda i: f"{loss(i)+.1:.6f} {loss(i):.6f}            {i*3:d}            {i*3:d}.0   0.0000   {acc(i):.4f}       51")
        + "\nfinished run\nnumber of examples = 120\naverage loss = 0.5\n",
        "loss", "counter"),
    "fasttext": Case(
        "Read 12M words\nNumber of words:  312345\nNumber of labels: 4\n" + "".join(f"\rProgress: {2.5*i:5.1f}% words/sec/thread:   45678 lr: {rate(i):9.6f} avg.loss: {loss(i):9.6f} ETA:   0h 1m{i:2d}s" for i in STEPS),
        "avg.loss", "Progress", lr="lr"),
    "glove": Case(each(lambda i: f"05/06/20 - 10:{i:02d}.12PM, iter: {i:03d}, cost: {loss(i):.6f}"), "cost", "iter"),
    "rasa": Case("".join(f"\rEpochs:  {100*i//N}%|█         | {i}/{N} [00:{i:02d}<01:00,  1.20it/s, t_loss={loss(i):.3f}, i_acc={acc(i):.3f}]" for i in STEPS), "t_loss", "iteration"),
    "kaldi nnet1": Case(each(lambda i: f"ITERATION {i:02d}: TRAIN AVG.LOSS {loss(i):.4f}, (lrate{rate(i)}), CROSSVAL AVG.LOSS {loss(i)+.1:.4f}, nnet accepted (nnet_6h_iter{i:02d})"), "TRAIN AVG.LOSS", "ITERATION"),
    "rnnlm": Case("".join(f"Iter: {i:3d}\tAlpha: {rate(i):f}\t   TRAIN entropy: {loss(i):.4f}    Words/sec: 3456.7   VALID entropy: {loss(i)+.2:.4f}\n" for i in STEPS), "TRAIN entropy", "Iter"),
    "maxtext": Case(each(lambda i: f"completed step: {i-1}, seconds: 1.234, TFLOP/s/device: 123.456, Tokens/s/device: 1234.567, total_weights: 65536, loss: {loss(i):.3f}, perplexity: 12.3"), "loss", "completed step"),
    "paddledetection": Case(each(lambda i: f"[05/06 10:{clock(i)}] ppdet.engine INFO: Epoch: [{(i-1)//10}] [{20*((i-1)%10):3d}/200] learning_rate: {rate(i):.6f} loss_xy: 0.5 loss_wh: 0.6 loss: {loss(i):.6f} eta: 1:02:03 batch_cost: 0.3 data_cost: 0.001 ips: 30.1 images/s"), "loss", "Epoch, iteration", lr="learning_rate"),
    "paddle hapi": Case("".join(f"Epoch {1+(i-1)//10}/4\n" * ((i-1) % 10 == 0) + f"step {10*((i-1)%10+1):3d}/100 [{'='*((i-1)%10)}>{'.'*(9-(i-1)%10)}] - loss: {loss(i):.4f} - acc: {acc(i):.4f} - 12ms/step\n" for i in STEPS), "loss", "Epoch, step"),
    "mindspore": Case(each(lambda i: f"epoch: {1+(i-1)//10} step: {100*((i-1)%10+1)}, loss is {loss(i):.7f}" + ("\nepoch time: 12345.678 ms, per step time: 12.345 ms" if i % 10 == 0 else "")), "loss", "epoch, step"),
    "yolox": Case(each(lambda i: f"2022-05-06 10:{clock(i)} | INFO     | yolox.core.trainer:260 - epoch: {1+(i-1)//10}/300, iter: {10*((i-1)%10+1)}/100, mem: 6123Mb, iter_time: 0.312s, data_time: 0.001s, total_loss: {loss(i):.1f}, iou_loss: 2.5, l1_loss: 0.0, conf_loss: 3.1, cls_loss: 1.5, lr: {rate(i):.3e}, size: 640, ETA: 1 day, 1:02:03"), "total_loss", "epoch, iter", lr="lr"),
    "timm summary": Case("epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n" + each(lambda i: f"{i-1},{loss(i)},{loss(i)+.1},{100*acc(i)},{100*acc(i)+5},{rate(i)}"), "train_loss", "epoch", lr="lr"),
    "ignite": Case(each(lambda i: f"Training Results - Epoch: {i}  Avg accuracy: {acc(i):.2f} Avg loss: {loss(i):.2f}\nValidation Results - Epoch: {i}  Avg accuracy: {acc(i):.2f} Avg loss: {loss(i)+.1:.2f}"), "Avg loss", "Epoch"),
    "ignite engine": Case(each(lambda i: f"2020-05-06 10:{clock(i)},123 Trainer INFO: Epoch[{i}] Complete. Time taken: 00:00:12.345\n2020-05-06 10:{clock(i)},124 Trainer INFO: \nEpoch {i} - Evaluation time: 1.23 - train metrics:\n \tloss: {loss(i):.5f}\n \taccuracy: {acc(i):.4f}"), "loss", "Epoch"),
    "catalyst": Case(each(lambda i: f"train ({i}/{N}) loss: {loss(i):.4f} | loss/mean: {loss(i):.4f} | lr: {rate(i)} | momentum: 0.9\nvalid ({i}/{N}) loss: {loss(i)+.1:.4f} | loss/mean: {loss(i)+.1:.4f} | lr: {rate(i)} | momentum: 0.9\n* Epoch ({i}/{N}) "), "loss", "train", lr="lr"),
    "sb3 progress": Case("rollout/ep_len_mean,rollout/ep_rew_mean,time/fps,time/iterations,time/time_elapsed,time/total_timesteps,train/approx_kl,train/learning_rate,train/loss\n" + each(lambda i: f"20.1,{100*acc(i)},900,{i},{2*i},{2048*i}," + f"0.01,{rate(i)},12.3"), "rollout/ep_rew_mean", "time/total_timesteps", mode="max", lr="train/learning_rate"),
    "dopamine": Case(each(lambda i: f"I0506 10:{clock(i)}.123456 140123 run_experiment.py:520] Starting iteration {i-1}\nI0506 10:{clock(i)}.123457 140123 run_experiment.py:428] Average undiscounted return per training episode: {100*acc(i):.2f}\nI0506 10:{clock(i)}.123457 140123 run_experiment.py:431] Average training steps per second: 123.45\nI0506 10:{clock(i)}.123457 140123 run_experiment.py:458] Average undiscounted return per evaluation episode: {101*acc(i):.2f}"), "Average undiscounted return per training episode", "Starting iteration", mode="max"),
    "acme": Case(each(lambda i: f"[Learner] Critic Loss = 0.123 | Learner Steps = {100*i} | Learner Walltime = {12.3*i:.3f} | Policy Loss = -1.234\n[Evaluator] Episode Length = 1000 | Episode Return = {100*acc(i):.3f} | Evaluator Episodes = {i} | Evaluator Steps = {1000*i} | Steps Per Second = 123.4"), "Episode Return", "Evaluator Steps", mode="max"),
    "pyg": Case(each(lambda i: f"Epoch: {i:03d}, Loss: {loss(i):.4f}, Train: {acc(i):.4f}, Val: {acc(i):.4f}, Test: {acc(i):.4f}"), "Loss", "Epoch"),
    "dgl": Case(each(lambda i: f"Epoch {i-1:05d} | Time(s) 0.0123 | Loss {loss(i):.4f} | Accuracy {acc(i):.4f} | ETputs(KTEPS) 123.45"), "Loss", "Epoch"),
    "sklearn sgd": Case(each(lambda i: f"-- Epoch {i}\nNorm: {20+i*.1:.2f}, NNZs: 10, Bias: 0.123456, T: {100*i}, Avg. loss: {loss(i):.6f}\nTotal training time: {i/100:.2f} seconds."), "Avg. loss", "Epoch"),
    "h2o csv": Case('"timestamp","duration","number_of_trees","training_rmse","training_mae","training_deviance"\n' + each(lambda i: f'"2022-05-06 10:{clock(i)}"," {i}.123 sec",{i-1}.0,{loss(i)},{loss(i)/2},{loss(i)**2}'), "training_rmse", "number_of_trees"),
    "catboost json": Case(json.dumps({"meta": {"test_sets": ["test"], "iteration_count": N, "learn_metrics": [{"best_value": "Min", "name": "RMSE"}], "launch_mode": "Train"}, "iterations": [{"learn": [loss(i)], "iteration": i-1, "passed_time": i*.01, "remaining_time": 1-i*.01, "test": [loss(i)+.1]} for i in STEPS]}), "learn", "iteration", mode="both"),
    "ngboost": Case(each(lambda i: f"[iter {i-1}] loss={loss(i):.4f} val_loss=0.0000 scale=1.0000 norm=5.0000"), "loss", "iter"),
    "tf slim": Case(each(lambda i: f"INFO:tensorflow:global step {10*i}: loss = {loss(i):.4f} (0.123 sec/step)"), "loss", "global step"),
    "rich table": Case("┏━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━┓\n┃ Epoch ┃ Train Loss ┃ Val Loss ┃ LR     ┃\n┡━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━┩\n" + each(lambda i: f"│ {i:5d} │ {loss(i):10.4f} │ {loss(i)+.1:8.4f} │ {rate(i):6.4f} │") + "└───────┴────────────┴──────────┴────────┘\n", "Train Loss", "Epoch", lr="LR"),
    "srun -l": Case(each(lambda i: f"0: step {10*i} loss {loss(i):.4f} lr {rate(i)}"), "loss", "step", lr="lr"),
    "docker compose": Case(each(lambda i: f"trainer_1   | 2022-05-06 10:{clock(i)} step {10*i} loss {loss(i):.4f} lr {rate(i)}"), "loss", "step", lr="lr"),
    "docker json-file": Case(each(lambda i: json.dumps({"log": f"step {10*i} loss {loss(i):.4f} lr {rate(i)}\n", "stream": "stdout", "time": f"2022-05-06T10:{clock(i)}.123456789Z"})), "loss", "step", lr="lr"),
    "journald": Case(each(lambda i: f"May 06 10:{clock(i)} gpu-host-7 python[4242]: step {10*i} loss {loss(i):.4f} lr {rate(i)}"), "loss", "step", lr="lr"),
    "kubectl --timestamps": Case(each(lambda i: f"2022-05-06T10:{clock(i)}.123456789Z step {10*i} loss {loss(i):.4f} lr {rate(i)}"), "loss", "step", lr="lr"),
    "slash colon": Case(each(lambda i: f"{10*i}/400: {loss(i):.4f}"), "loss", "iteration"),
    "comet json": Case(json.dumps([{"name": "loss", "x": [10*i for i in STEPS], "y": [loss(i) for i in STEPS]}, {"name": "lr", "x": [10*i for i in STEPS], "y": [rate(i) for i in STEPS]}]), "loss", "x", lr="lr"),
    "clearml scalars": Case(json.dumps({"loss": {"train": {"name": "train", "x": [10*i for i in STEPS], "y": [loss(i) for i in STEPS]}}}), "loss.train", "x"),
    "aim csv": Case(",run.hash,metric.name,context,step,epoch,value\n" + each(lambda i: f"{2*i},ab12,loss,\"{{'subset': 'train'}}\",{i},1,{loss(i)}\n{2*i+1},ab12,lr,{{}},{i},1,{rate(i)}"), "loss", "step", lr="lr"),
    "tensorboard csv": Case("Wall time,Step,Value\n" + each(lambda i: f"{1.7e9+i},{10*i},{loss(i)}"), "Value", "Step", mode="both"),
    "tensorboard json": Case(json.dumps([[1.7e9+i, 10*i, loss(i)] for i in STEPS]), "run", "column 2", mode="both"),
    "hf notebook": Case("Step\tTraining Loss\tValidation Loss\tWer\n" + each(lambda i: f"{500*i}\t{loss(i):.6f}\t{loss(i)+.1:.6f}\t{100*loss(i)/5:.4f}"), "Training Loss", "Step"),
    "gaussian splatting": Case("Optimizing output/abc\nOutput folder: ./output/abc\n" + "".join(f"\rTraining progress:  {i*2}%|▏         | {10*i}/30000 [00:{i:02d}<10:00, 50.1it/s, Loss={loss(i):.7f}]" for i in STEPS) + "\n[ITER 7000] Evaluating test: L1 0.03 PSNR 25.3\n", "Loss", "iteration"),
    "ase": Case("       Step     Time          Energy          fmax\n" + each(lambda i: f"BFGS: {i-1:4d} 10:{clock(i)} {-3*acc(i):15.6f} {loss(i):15.4f}"), "Energy", "Step", mode="both"),
    "optuna": Case("[I 2022-05-06 10:00:00,100] A new study created in memory with name: no-name-1234\n" + each(lambda i: f"[I 2022-05-06 10:{clock(i)},123] Trial {i-1} finished with value: {loss(i):.12f} and parameters: {{'x': {i*.37%1:.12f}, 'n': {i%5}}}. Best is trial {i-1} with value: {loss(i):.12f}."), "value", "Trial", mode="both"),
    "hyperopt": Case("".join(f"\r {i*2}%|▏         | {i}/{N} [00:{i:02d}<00:30,  1.20trial/s, best loss: {loss(i):.10f}]" for i in STEPS), "best loss", "iteration"),
    "deap": Case("gen\tnevals\tavg    \tstd    \tmin\tmax\n" + each(lambda i: f"{i-1}  \t{50+i%7} \t{acc(i):.5f}\t0.1234 \t{acc(i)-.2:.3f}\t{acc(i)+.2:.3f}"), "avg", "gen", mode="both"),
    "k6 csv": Case("metric_name,timestamp,metric_value,check,error\n" + each(lambda i: f"http_req_duration,{1700000000+i},{100*loss(i):.6f},,\nvus,{1700000000+i},{i%5+1}.000000,,"), "http_req_duration", "timestamp"),
    "units row": Case("Time,Temperature,Pressure\ns,degC,bar\n" + each(lambda i: f"{i*.5},{20+10*acc(i):.3f},{1+loss(i)/100:.4f}"), "Temperature", "Time", mode="both"),
    "excel sep=": Case("\ufeffsep=;\r\nStep;Loss;LR\r\n" + "".join(f"{10*i};{loss(i):.4f};{rate(i)}\r\n".replace(".", ",") for i in STEPS), "Loss", "Step", lr="LR"),
    "iso csv": Case("timestamp,value\n" + each(lambda i: f"2022-05-06T10:{clock(i)}Z,{loss(i):.4f}"), "value", "timestamp", mode="both"),
    "multi header": Case(",train,train,valid,valid\nepoch,loss,acc,loss,acc\n" + each(lambda i: f"{i},{loss(i)},{acc(i)},{loss(i)+.1},{acc(i)}"), "train loss", "epoch"),
    "fixed width": Case("STEP      LOSS      LR        NOTE\n" + each(lambda i: f"{10*i:<10d}{loss(i):<10.4f}{rate(i):<10.4f}{'ok' if i%3 else 'checkpoint saved'}"), "LOSS", "STEP", lr="LR"),
    "llama.cpp finetune": Case(each(lambda i: f"train_opt_callback: iter={i:6d} sample={i}/1000 sched={rate(i):.6f} loss={loss(i):.6f} dt=00:00:12 eta=01:00:00 |{'-'*(i%9)}>"), "loss", "iter"),
    "torchtune": Case(each(lambda i: f"Step {i} | loss:{loss(i)} lr:{rate(i)} tokens_per_second_per_gpu:1234.5 peak_memory_active:12.3 grad_norm:1.2"), "loss", "Step", lr="lr"),
    "torchtune bar": Case("".join(f"\r1|{i}|Loss: {loss(i)}: {i*2}%|▏  | {i}/{N} [00:{i:02d}<01:00,  1.20it/s]" for i in STEPS), "Loss", "iteration"),
    "nnunet": Case(each(lambda i: f"\n2022-05-06 10:{clock(i)}.123456: \nepoch:  {i-1} \n2022-05-06 10:{clock(i)}.223456: train loss : {-acc(i):.4f} \n2022-05-06 10:{clock(i)}.323456: validation loss: {-acc(i)+.1:.4f} \n2022-05-06 10:{clock(i)}.323456: Average global foreground Dice: [0.8667, 0.5] \n2022-05-06 10:{clock(i)}.323456: (interpret this as an estimate for the Dice of the different classes. This is not exact.) \n2022-05-06 10:{clock(i)}.423456: lr: {rate(i)} \n2022-05-06 10:{clock(i)}.423456: This epoch took 137.136132 s"), "train loss", "epoch", lr="lr"),
    "nnunet v2": Case(each(lambda i: f"2023-05-06 10:{clock(i)}.123456:  \n2023-05-06 10:{clock(i)}.123457: Epoch {i-1} \n2023-05-06 10:{clock(i)}.123458: Current learning rate: {rate(i)} \n2023-05-06 10:{clock(i)}.123459: train_loss {-acc(i):.4f} \n2023-05-06 10:{clock(i)}.12346: val_loss {-acc(i)+.1:.4f} \n2023-05-06 10:{clock(i)}.12347: Pseudo dice [0.8, 0.7] \n2023-05-06 10:{clock(i)}.12348: Epoch time: 98.76 s "), "train_loss", "Epoch", lr="Current learning rate"),
    "monai": Case("".join(f"----------\nepoch {1+(i-1)//10}/4\n" * ((i-1) % 10 == 0) + f"{(i-1)%10+1}/10, train_loss: {loss(i):.4f}\n" + (f"epoch {1+(i-1)//10} average loss: {loss(i):.4f}\n" if i % 10 == 0 else "") for i in STEPS), "train_loss", "epoch, iteration"),
    "tacotron2": Case(each(lambda i: f"Train loss {i-1} {loss(i):.6f} Grad Norm 1.234567 2.34s/it" + (f"\nValidation loss {i-1}: {loss(i):9f}  " if i % 10 == 0 else "")), "Train loss", "iteration"),
    "waveglow": Case("Epoch: 0\n" + each(lambda i: f"{i-1}:\t{-3-acc(i):.9f}"), "loss", "iteration"),
    "cyclegan": Case("================ Training Loss (Fri May  6 10:00:00 2022) ================\n" + each(lambda i: f"(epoch: {1+(i-1)//10}, iters: {100*((i-1)%10+1)}, time: 0.123, data: 0.234) D_A: 0.456 G_A: 0.345 cycle_A: {loss(i):.3f} idt_A: 1.234 D_B: 0.2 G_B: 0.3 cycle_B: {loss(i):.3f} idt_B: 1.2 "), "cycle_A", "epoch, iters", mode="both"),
    "basicsr": Case(each(lambda i: f"2022-05-06 10:{clock(i)},390 INFO: [My_ES..][epoch:{200+i:3d}, iter: {20000+100*i:7,d}, lr:({rate(i):.3e},)] [eta: 1 day, 18:13:17, time (data): 0.365 (0.002)] l_pix: {loss(i):.4e} "), "l_pix", "iter", mode="both", lr="lr"),
    "torchvision": Case(each(lambda i: f"Epoch: [{(i-1)//10}]  [{10*((i-1)%10):4d}/100]  eta: 1:23:45  lr: {rate(i)}  img/s: 123.4  loss: {loss(i):.4f} ({loss(i)+.1:.4f})  acc1: {100*acc(i):.4f} (12.3)  time: 0.5  data: 0.1  max mem: 3456" + (f"\nEpoch: [{(i-1)//10}] Total time: 0:12:34" if i % 10 == 0 else "")), "loss", "Epoch, iteration", lr="lr"),
    "detr log.txt": Case(each(lambda i: json.dumps({"train_lr": rate(i), "train_class_error": 12.3, "train_loss": loss(i), "train_loss_ce": .5, "test_class_error": 10.1, "test_loss": loss(i)+.1, "test_coco_eval_bbox": [.3, .5, .2], "epoch": i-1, "n_parameters": 41302368})), "train_loss", "epoch", lr="train_lr"),
    "swin": Case(each(lambda i: f"[2022-05-06 10:{clock(i)} swin_tiny](main.py 189): INFO Train: [{(i-1)//10}/300][{10*((i-1)%10)}/100]\teta 0:12:34 lr {rate(i):.6f}\ttime 0.3210 (0.4567)\tloss {loss(i):.4f} ({loss(i)+.1:.4f})\tgrad_norm 1.2345 (1.3456)\tmem 12345MB"), "loss", "Train, iteration", lr="lr"),
    "modded-nanogpt": Case("import os\nimport sys\n    x = 3 * torch.ones(5)\n" + each(lambda i: f"step:{25*i}/5100 train_loss:{loss(i):.4f} train_time:{123*i}ms step_avg:98.76ms" + (f"\nstep:{25*i}/5100 val_loss:{loss(i):.4f} train_time:{123*i}ms step_avg:98.76ms" if i % 5 == 0 else "")), "train_loss", "step"),
    "char-rnn": Case(each(lambda i: f"{i}/21150 (epoch {i/423:.3f}), train_loss = {loss(i):.8f}, grad/param norm = 4.5006e-01, time/batch = 0.4344s"), "train_loss", "iteration"),
    "fb.resnet": Case(each(lambda i: f" | Epoch: [{1+(i-1)//10}][{(i-1)%10+1}/10]    Time 1.234  Data 0.123  Err {loss(i):.4f}  top1  {100-90*acc(i):7.3f}  top5  {50:7.3f}"), "Err", "Epoch, iteration"),
    "crfsuite": Case(each(lambda i: f"***** Iteration #{i} *****\nLoss: {1000*loss(i):f}\nFeature norm: {i*.1:f}\nError norm: 123.456\nActive features: {1234-i}\nLine search trials: 1\nLine search step: 1.000000\nSeconds required for this iteration: 0.012\n"), "Loss", "Iteration #"),
    "crf++": Case(each(lambda i: f"iter={i-1} terr={loss(i)/5:.5f} serr=1.00000 act=12345 obj={100*loss(i):.5f} diff=1.00000"), "obj", "iter"),
    "mallet": Case(each(lambda i: f"<{10*i}> LL/token: {-9-loss(i)/10:.5f}"), "LL/token", "iteration", mode="max"),
    "hmmlearn": Case(each(lambda i: f"{i:10d} {-1000*loss(i):16.8f} {'+nan' if i==1 else format(loss(i), '+.8f')}"), "column 2", "column 1", mode="both"),
    "tsne": Case(each(lambda i: f"[t-SNE] Iteration {50*i}: error = {10*loss(i):.7f}, gradient norm = 0.0123456 (50 iterations in 1.234s)"), "error", "Iteration"),
    "kmeans": Case("Initialization complete\n" + each(lambda i: f"Iteration {i-1}, inertia {1000*loss(i):.3f}."), "inertia", "Iteration"),
    "ceres": Case("iter      cost      cost_change  |gradient|   |step|    tr_ratio  tr_radius  ls_iter  iter_time  total_time\n" + each(lambda i: f"{i-1:4d} {loss(i):.6e}    1.00e+00    1.09e+07   0.00e+00   0.00e+00  1.00e+04        0    7.59e-02    3.37e-01"), "cost", "iter"),
    "gurobi barrier": Case("                  Objective                Residual\nIter       Primal          Dual         Primal    Dual     Compl     Time\n" + each(lambda i: f"{i-1:4d}  {loss(i):.8e} -{loss(i):.8e}  {loss(i)/9:.2e} {loss(i)/8:.2e}  1.23e+01     {i}s"), "Primal", "Iter", mode="both"),
    "scs": Case("------------------------------------------------------------------\n iter | pri res | dua res |   gap   |   obj   |  scale  | time (s)\n------------------------------------------------------------------\n" + each(lambda i: f"{25*i:6d}| {loss(i):.2e}  {loss(i)/2:.2e}  {loss(i)/3:.2e}  {loss(i):.2e}  1.00e-01  1.23e-02 "), "gap", "iter"),
    "cma-es": Case("Iterat #Fevals   function value  axis ratio  sigma  min&max std  t[m:s]\n" + each(lambda i: f"{i:5d} {9*i:6d} {loss(i):.15e} 1.0e+00 5.00e-01  5e-01  5e-01 0:0{i%10}.1"), "function value", "Iterat"),
    "petsc": Case(each(lambda i: f"{i-1:3d} KSP Residual norm {loss(i):.12e} "), "KSP Residual norm", "iteration"),
    "psi4": Case("                        Total Energy        Delta E     RMS |[F,P]|\n\n" + each(lambda i: f"   @DF-RHF iter {i:3d}:   {-75*acc(i):.14f}   {-loss(i):.5e}   {loss(i)/9:.5e} DIIS"), "loss", "DF-RHF iter"),
    "amber": Case(each(lambda i: f" NSTEP = {1000*i:8d}   TIME(PS) = {2.*i:11.3f}  TEMP(K) = {300+i%3:8.2f}  PRESS =     0.0\n Etot   = {-1000*acc(i):13.4f}  EKtot   = {345+i%7:13.4f}  EPtot      = {-1300*acc(i):13.4f}\n BOND   =        12.3456  ANGLE   =        45.6789  DIHED      =        12.3000\n ------------------------------------------------------------------------------\n"), "Etot", "NSTEP", mode="both"),
    "mace": Case(each(lambda i: f"2023-05-06 10:{clock(i)}.123 INFO: Epoch {i-1}: loss={loss(i):.4f}, MAE_E_per_atom={10*loss(i):.1f} meV, MAE_F=45.6 meV / A"), "loss", "Epoch"),
    "schnetpack": Case("Time,Learning rate,Train loss,Validation loss,MAE_energy\n" + each(lambda i: f"{1.7e9+i},{rate(i)},{loss(i)},{loss(i)+.1},{loss(i)}"), "Train loss", "Time", lr="Learning rate"),
    "modulus": Case(each(lambda i: f"[10:{clock(i)}] - [step: {100*i:10d}] loss:  {loss(i):.3e}, time/iteration:  1.234e+01 ms"), "loss", "step"),
    "lightning tqdm": Case("".join(f"\rEpoch {(i-1)//10}:  {10*((i-1)%10)}%|▏| {(i-1)%10+1}/10 [00:0{i%10}<00:10,  9.91it/s, loss={loss(i):.3f}, v_num=3]" for i in STEPS), "loss", "Epoch, iteration"),
    "composer": Case(each(lambda i: f"[batch={i}/1000]:\n\t Train time/batch: {i-1}\n\t Train time/sample: {32*(i-1)}\n\t Train trainer/device_train_microbatch_size: 4\n\t Train loss/train/total: {loss(i):.4f}\n\t Train metrics/train/LanguageCrossEntropy: {loss(i):.4f}"), "Train loss/train/total", "batch"),
    "pyro": Case(each(lambda i: f"[iteration {50*i:04d}] loss: {100*loss(i):.4f}"), "loss", "iteration"),
    "julia info": Case(each(lambda i: f"┌ Info: Training\n│   epoch = {i}\n│   train_loss = {loss(i):.6f}\n└   η = {rate(i)}"), "train_loss", "epoch"),
    "julia flux": Case(each(lambda i: f"[ Info: Epoch {i} - loss {loss(i):.6f}"), "loss", "Epoch"),
    "r nnet": Case("# weights:  19\ninitial  value 123.456789 \n" + each(lambda i: f"iter {10*i:3d} value {100*loss(i):.6f}") + "final  value 1.234567 \nconverged\n", "value", "iter", mode="both"),
    "r gbm": Case("Iter   TrainDeviance   ValidDeviance   StepSize   Improve\n" + each(lambda i: f"{i:6d}        {loss(i):.4f}             nan     0.1000    0.0123"), "TrainDeviance", "Iter"),
    "cntk": Case(each(lambda i: f"Finished Epoch[{i:2d} of {N}]: [Training] ce = {loss(i):.8f} * 50000; errs = {100-90*acc(i):.3f}% * 50000; totalSamplesSeen = {50000*i}; learningRatePerSample = {rate(i)}; epochTime=12.3456s"), "ce", "totalSamplesSeen", lr="learningRatePerSample"),
    "lasagne": Case(each(lambda i: f"Epoch {i} of {N} took 1.234s\n  training loss:\t\t{loss(i):.6f}\n  validation loss:\t\t{loss(i)+.1:.6f}\n  validation accuracy:\t\t{100*acc(i):.2f} %"), "training loss", "Epoch"),
    "chainer": Case("epoch       main/loss   validation/main/loss  main/accuracy  elapsed_time\n" + each(lambda i: f"\x1b[J{i:<10d}  {loss(i):<10.6g}  {loss(i)+.1:<20.6g}  {acc(i):<13.6g}  {12.3*i:<12.6g}"), "main/loss", "epoch"),
    "tesseract": Case(each(lambda i: f"At iteration {100*i}/{100*i}/{100*i}, Mean rms={loss(i):.3f}%, delta=12.345%, char train={90/i:.3f}%, word train=99.1%, skip ratio=0%,  New worst char error = 90.1 wrote checkpoint.\n"), "Mean rms", "iteration"),
    "deepspeech": Case(each(lambda i: f"Epoch {i-1} |   Training | Elapsed Time: 0:01:{i:02d} | Steps: 123 | Loss: {100*loss(i):.6f}\nEpoch {i-1} | Validation | Elapsed Time: 0:00:{i:02d} | Steps: 12 | Loss: {110*loss(i):.6f} | Dataset: dev.csv"), "Loss", "Epoch"),
    "wav2letter": Case(each(lambda i: f"epoch: {i:8d} | lr: {rate(i):.6f} | lrcriterion: 0.000000 | runtime: 00:01:23 | bch(ms): 123.45 | smp(ms): 0.12 | fwd(ms): 12.3 | loss: {10*loss(i):10.5f} | train-TER: {20*loss(i):5.2f} | lists/dev.lst-loss: 12.3 | dev-WER: 23.45"), "loss", "epoch", lr="lr"),
    "wenet": Case(each(lambda i: f"2022-05-06 10:{clock(i)},123 DEBUG TRAIN Batch {(i-1)//10}/{100*((i-1)%10)} loss {loss(i):.6f} loss_att {loss(i):.6f} loss_ctc {2*loss(i):.6f} lr {rate(i):.8f} rank 0"), "loss", "TRAIN Batch", lr="lr"),
    "speechbrain": Case(each(lambda i: f"epoch: {i}, lr: {rate(i):.2e} - train loss: {loss(i):.2f} - valid loss: {loss(i)+.1:.2f}, valid PER: {20*loss(i):.2f}"), "train loss", "epoch", lr="lr"),
    "tacotron tf": Case(each(lambda i: f"[2022-05-06 10:{clock(i)}.123]  Step {i:7d} [1.234 sec/step, loss={loss(i):.5f}, avg_loss={loss(i)+.1:.5f}]"), "loss", "Step"),
    "gpt-2-simple": Case(each(lambda i: f"[{10*i} | {7.1*i:.2f}] loss={loss(i):.2f} avg={loss(i)+.1:.2f}"), "loss", "iteration"),
    "sysbench": Case(each(lambda i: f"[ {i}s ] thds: 4 tps: {100*acc(i):.2f} qps: {2000*acc(i):.2f} (r/w/o: 1400.00/400.00/200.00) lat (ms,95%): {10*loss(i):.2f} err/s: 0.00 reconn/s: 0.00"), "tps", "iteration", mode="max"),
    "pgbench": Case("starting vacuum...end.\n" + each(lambda i: f"progress: {i}.0 s, {100*acc(i):.1f} tps, lat {loss(i):.3f} ms stddev 0.123"), "tps", "progress", mode="max"),
    "iperf3": Case("[ ID] Interval           Transfer     Bitrate         Retr  Cwnd\n" + each(lambda i: f"[  5]   {i-1}.00-{i}.00   sec   112 MBytes   {900*acc(i):.0f} Mbits/sec    {i%3}    382 KBytes"), "Bitrate", "Interval", mode="max"),
    "pandas print": Case("TRAIN EPOCH  0:\n" + each(lambda i: f"TRAIN EPOCH {i:2d}:\nloss             {loss(i):.6f}\ncrl              0.144345\naccuracy         {acc(i):.6f}\nsec_per_batch    1.702358\nhr_per_epoch     1.048369\ndtype: float64\n\nVal epoch {i} has acc {acc(i):.3f} and loss {loss(i):.3f}"), "loss", "TRAIN EPOCH"),
    "plain list": Case(each(lambda i: f"{loss(i):.6f}"), "run", "row", mode="both"),
    "print tuple": Case(each(lambda i: f"({i}, {loss(i):.6f})"), "loss", "iteration"),
    "numpy repr": Case(each(lambda i: f"epoch {i} loss np.float64({loss(i):.6f}) lr tensor({rate(i)}, device='cuda:0')"), "loss", "epoch", lr="lr"),
    "tensor grad": Case(each(lambda i: f"Iteration: {i} Loss: tensor({loss(i):.4f}, device='cuda:0', grad_fn=<MseLossBackward0>)"), "Loss", "Iteration"),
    "iperf3 sums": Case("[ ID] Interval           Transfer     Bitrate         Retr\n" + each(lambda i: f"[SUM] {i-1:3d}.00-{i}.00  sec  {110+i%4} MBytes  {int(900*acc(i))} Mbits/sec    {i%3}"), "Bitrate", "Interval", mode="max"),
    "kaldi chain": Case(each(lambda i: f"LOG (train[5.5]:Print():t.cc:246) Iter: {i}, objective function for 'output' is {-loss(i):.6f} over 640000 frames."), "objective function", "Iter", mode="max"),
    "ray table": Case("".join(f"Memory usage on this node: {12+i%3}.1/62.8 GiB\n+---------------+---------+------+--------+----------+\n| Trial name    | status  | iter |     ts |   reward |\n|---------------+---------+------+--------+----------|\n| PPO_v1_ab12   | RUNNING | {i:4d} | {4000*i:6d} | {200*acc(i):8.3f} |\n+---------------+---------+------+--------+----------+\n\n" for i in STEPS), "reward", "iter", mode="max"),
    "kubectl top": Case("".join(f"NAME                     CPU(cores)   MEMORY(bytes)\ntrainer-6c9f-abc12       {int(900*acc(i))}m         {i%3+500}Mi\n" for i in STEPS), "CPU(cores)", "row", mode="both"),
    "nvidia-smi csv": Case("timestamp, name, utilization.gpu [%], power.draw [W]\n" + each(lambda i: f"2022/05/06 10:{clock(i)}.123, NVIDIA A100, {int(95*acc(i))} %, {200*acc(i):.2f} W"), "utilization.gpu [%]", "timestamp", mode="both"),
    "dates of Germany": Case("Datum;Notiz;Verlust\n" + each(lambda i: f"{1+i%28:02d}.{1+i//28:02d}.2031;a{i%7};{loss(i):.4f}".replace(".", ",").replace(",", ".", 2)), "Verlust", "Datum"),
    "locust": Case("Timestamp,User Count,Name,Requests/s,50%,95%,Total Request Count\n" + each(lambda i: f"{1700000000+i},50,Aggregated,{100*acc(i):.2f},{int(20*loss(i))},{int(60*loss(i))},{100*i}"), "Requests/s", "Timestamp", mode="max"),
    "two words of a metric": Case(each(lambda i: f"step {i} iou_loss = {loss(i)/9:.4f}, class_loss = 0.{i%7}, total_loss = {loss(i):.4f}"), "total_loss", "step"),
    "train_loss list": Case(json.dumps([loss(i) for i in STEPS]), "loss", "row"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])


def test_a_letter_among_many_names_is_unsure(read):
    log = read(
        " r  b   swpd   free  cache   in   cs us sy id wa\n"
        + each(
            lambda i: (
                f"{i % 3:2d}  0      0 {812345 - i * 100} {1234567 + i * 10} {1200 + i * 37 % 90} "
                f"{2400 + i * 29 % 70} {int(60 * acc(i)):2d}  3 {95 - int(60 * acc(i)):2d}  0"
            )
        )
    )
    assert log.runs[0].x_name == "row"  # a cache that fills counts nothing
    assert "unsure: 'r' is no name of a metric" in log.warnings[0]
