"""Logs of still other tools: quantum chemistry, samplers, registration, solvers, monitors of machines."""

import json

import pytest
from made_up import STEPS, Case, N, acc, check, clock, each, loss, rate

CASES = {
    "vasp oszicar": Case(
        each(lambda i: "       N       E                     dE             d eps       ncg     rms          rms(c)\n"
             + "".join(f"DAV: {k:3d}    -0.1{k}3456789E+02   -0.12345E-0{k}   -0.12345E-02  1234   0.123E-01    0.123E-01\n" for k in (1, 2, 3))
             + f"{i:4d} F= {-8*acc(i):.8E} E0= {-8.1*acc(i):.8E}  d E =-.123456E-03"),
        "E0", "iteration", mode="both"),
    "orca scf": Case(
        "                         --------------\n                         SCF ITERATIONS\n                         --------------\nITER       Energy         Delta-E        Max-DP      RMS-DP      [F,P]     Damp\n               ***  Starting incremental Fock matrix formation  ***\n"
        + each(lambda i: f"{i-1:3d} {-76*acc(i):16.10f}   {loss(i)/10:.12f} 0.02{i:02d}1234 0.00123456  0.1234567 0.7000"),
        "Energy", "ITER", mode="both"),
    "siesta": Case(
        "        iscf     Eharris(eV)        E_KS(eV)     FreeEng(eV)     dDmax    Ef(eV) dHmax(eV)\n"
        + each(lambda i: f"   scf: {i:4d}    {-460*acc(i):12.6f}    {-461*acc(i):12.6f}    {-461*acc(i):12.6f}  0.{i:02d}1234 -3.{i:02d}1234  1.{i:02d}1234"),
        "FreeEng(eV)", "iscf", mode="both"),
    "gpaw": Case(
        "                     log10-error:    total        iterations:\n           time      wfs    density  energy       fermi  poisson\n"
        + each(lambda i: f"iter: {i:3d}  10:{clock(i)}  +0.{i:02d}  -0.{i:02d}   {-22*acc(i):.6f}    0      6"),
        "energy", "iter", mode="both"),
    "gromacs xvg": Case(
        "# This file was created Fri May  6 10:11:12 2022\n# Created by:\n#                      :-) GROMACS - gmx energy, 2021.4 (-:\n@    title \"GROMACS Energies\"\n@    xaxis  label \"Time (ps)\"\n@    yaxis  label \"(kJ/mol)\"\n@TYPE xy\n@ s0 legend \"Potential\"\n"
        + each(lambda i: f"{10*i:12.6f}  {-51234*acc(i):13.6f}"),
        "Potential", "Time (ps)", mode="both", name="energy.xvg"),
    "plumed colvar": Case(
        "#! FIELDS time d1 metad.bias\n" + each(lambda i: f" {10*i:.6f} {acc(i):.6f} {loss(i):.6f}"), "d1", "time", mode="both"),
    "openfoam residuals": Case(
        "# Residuals           \n# Time        \tp              \tUx             \tUy             \n"
        + each(lambda i: f"{i:<14d}\t{loss(i)/10:.8e}\t{loss(i)/20:.8e}\t{loss(i)/30:.8e}"),
        "p", "Time", mode="both", name="residuals.dat"),
    "nequip metrics": Case(
        "epoch,           wall,             LR,       loss_f,       loss_e,         loss,        f_mae,       f_rmse\n"
        + each(lambda i: f"{i:5d},  {12.3*i:12.3f}, {rate(i):14.6g}, {loss(i)/2:12.3g}, {loss(i)/2:12.3g}, {loss(i):12.6g}, {loss(i)/3:12.3g}, {loss(i)/2:12.3g}"),
        "loss", "epoch", lr="LR"),
    "deepmd console": Case(
        each(lambda i: f"[2024-05-06 10:{clock(i)},123] DEEPMD INFO    batch {100*i:7d}: trn: rmse = {loss(i):.2e}, rmse_e = {loss(i)/10:.2e}, rmse_f = {loss(i)/5:.2e}, lr = {rate(i):.2e}\n[2024-05-06 10:{clock(i)},124] DEEPMD INFO    batch {100*i:7d}: val: rmse = {loss(i)+.1:.2e}, rmse_e = {loss(i)/9:.2e}, rmse_f = {loss(i)/4:.2e}"),
        "rmse", "batch", lr="lr"),
    "trl grpo": Case(
        each(lambda i: str({"loss": 0.0001 * (i % 3), "grad_norm": 0.5, "learning_rate": rate(i), "num_tokens": 1234.0 * i, "completions/mean_length": 123.4, "rewards/format/mean": 0.5, "reward": acc(i), "reward_std": 0.1, "kl": 0.01 * i, "epoch": round(0.01 * i, 2)})),
        "reward", "num_tokens", mode="max", lr="learning_rate"),
    "diffusers": Case(
        "".join(f"\rSteps:  {100*i//N}%|█         | {i}/{N} [00:{i:02d}<01:00,  1.20it/s, lr={rate(i)}, step_loss={loss(i):.4f}]" for i in STEPS),
        "step_loss", "iteration", lr="lr"),
    "dreamer jsonl": Case(
        each(lambda i: json.dumps({"step": 1000 * i, "episode/score": 100 * acc(i), "episode/length": 500.0, "train/loss/image": loss(i), "train/loss/policy": 0.1, "fps/train": 12.3})),
        "episode/score", "step", mode="max", name="metrics.jsonl"),
    "brax": Case(
        each(lambda i: f"step: {10000*i}, reward: {100*acc(i):.3f} +/- 12.345, sps: 12345.6"), "reward", "step", mode="max"),
    "graphgym": Case(
        each(lambda i: "train: " + str({"epoch": i - 1, "eta": 12.3, "loss": round(loss(i), 4), "lr": rate(i), "params": 1234, "time_iter": 0.01, "accuracy": round(acc(i), 4)}) + "\nval: " + str({"epoch": i - 1, "loss": round(loss(i) + 0.1, 4), "lr": 0, "params": 1234, "time_iter": 0.01, "accuracy": round(acc(i), 4)})),
        "loss", "epoch", lr="lr"),
    "gensim callback": Case(
        each(lambda i: f"2022-05-06 10:{clock(i)},123 : INFO : EPOCH {i-1}: training on 123456 raw words (98765 effective words) took 0.1s, 987654 effective words/s\nLoss after epoch {i-1}: {1000*loss(i):.4f}"),
        "Loss", "epoch"),
    "liblinear": Case(
        each(lambda i: f"iter {i:2d} act {loss(i):5.3e} pre {loss(i):5.3e} delta 1.234e+00 f {1000*loss(i):5.3e} |g| {10*loss(i):5.3e} CG   {i%5}"),
        "f", "iter"),
    "beast": Case(
        "# BEAST v1.10.4\n# Generated Fri May 06 10:11:12 UTC 2022 [seed=1651832]\nstate\tposterior\tprior\tlikelihood\ttreeModel.rootHeight\n"
        + each(lambda i: f"{1000*i}\t{-5000*loss(i):.4f}\t{-100*loss(i):.4f}\t{-4900*loss(i):.4f}\t1.2345"),
        "likelihood", "state", mode="max"),
    "mrbayes": Case(
        "[ID: 1234567890]\nGen\tLnL\tLnPr\tTL\tr(A<->C)\n" + each(lambda i: f"{500*i}\t{-5000*loss(i):.6e}\t{-10*loss(i):.6e}\t1.2{i:02d}000e+00\t1.666667e-01"),
        "LnL", "Gen", mode="max", name="run1.p"),
    "gurobi mip": Case(
        "    Nodes    |    Current Node    |     Objective Bounds      |     Work\n Expl Unexpl |  Obj  Depth IntInf | Incumbent    BestBd   Gap | It/Node Time\n\n"
        + each(lambda i: f"{100*i:6d} {90*i:5d} {1000*loss(i):10.5f}   12   34 {1100*loss(i):10.5f} {900*acc(i):10.5f}  {loss(i):.2f}%  12.{i%10}   {i:3d}s"),
        "Gap", "Expl"),
    "cp-sat": Case(
        "Starting search at 0.01s with 8 workers.\n" + each(lambda i: f"#{i:<5d}  {i*1.1:.2f}s best:{2000*loss(i):<8.0f} next:[0,{2000*loss(i)-1:.0f}]   rnd_cst_lns (d=0.50 s={i} t=0.10 p=0.00)"),
        "best", "iteration", mode="both"),
    "leela": Case(
        each(lambda i: f"step {100*i}, lr={rate(i):g} policy={loss(i):g} value={loss(i)/4:g} policy accuracy={100*acc(i):g}% value accuracy=50% moves=0.2 reg={loss(i)/5:g} total={1.5*loss(i):g} (123.4 pos/s)"),
        "total", "step", lr="lr"),
    "katago": Case(
        each(lambda i: json.dumps({"norm_normal": 12.3, "p0loss": loss(i), "vloss": loss(i) / 2, "loss": 1.5 * loss(i), "pacc1": acc(i), "lr": rate(i), "nsamp": 12345 * i, "wsum": 1234.5})),
        "loss", "nsamp", lr="lr"),
    "elastix": Case(
        "Resolution: 0\n1:ItNr\t2:Metric\t3a:Time\t3b:StepSize\t4:||Gradient||\tTime[ms]\n"
        + each(lambda i: f"{i-1}\t{-acc(i):.6f}\t{i}.000000\t{400/(i+1):.6f}\t0.00{i:02d}12\t12.3") + "Time spent in resolution 0 (ITK initialization and iterating): 1.234\n",
        "2:Metric", "1:ItNr"),
    "ants": Case(
        "DIAGNOSTIC,Iteration,metricValue,convergenceValue,ITERATION_TIME_INDEX,SINCE_LAST\n"
        + each(lambda i: f" 2DIAGNOSTIC, {i:5d}, {-acc(i):.12e}, {loss(i)/10:.12e}, {i*0.1:.4e}, 1.0e-01, "),
        "metricValue", "Iteration"),
    "dynesty": Case(
        "".join(f"\riter: {100*i} | bound: {i//4} | nc: 1 | ncall: {400*i} | eff(%): 25.000 | loglstar:   -inf < {-100*loss(i):.3f} <    inf | logz: {-101*loss(i):.3f} +/-  0.123 | dlogz: {loss(i):.3f} >  0.010" for i in STEPS),
        "logz", "iter", mode="max"),
    "ray tune csv": Case(
        "loss,training_iteration,trial_id,date,timestamp,time_this_iter_s,time_total_s,pid,hostname,node_ip,config/lr,experiment_tag\n"
        + each(lambda i: f"{loss(i)},{i},ab12_00000,2022-05-06_10-{i:02d}-12,{1651831920+10*i},10.1,{10.1*i},4242,node-1,10.0.0.1,{rate(i)},\"0_lr\""),
        "loss", "training_iteration", lr="config/lr", name="progress.csv"),
    "locust history": Case(
        "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,90%,Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time\n"
        + each(lambda i: f"{1651831920+i},{min(i,10)},,Aggregated,{100*acc(i):.2f},0.00,{100*loss(i):.0f},{110*loss(i):.0f},{120*loss(i):.0f},{150*loss(i):.0f},{100*i},0,{100*loss(i):.0f},{101*loss(i):.2f}"),
        "Requests/s", "Timestamp", mode="max"),
    "jmeter": Case(
        "timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,sentBytes,grpThreads,allThreads,Latency,IdleTime,Connect\n"
        + each(lambda i: f"{1651831920123+1000*i},{100*loss(i):.0f},home,200,OK,Group 1-{i%5},true,12345,123,5,5,{90*loss(i):.0f},0,{i%3}"),
        "Latency", "timeStamp", name="results.jtl"),
    "sar": Case(
        "Linux 5.15.0 (node-1) \t05/06/2022 \t_x86_64_\t(8 CPU)\n\n10:00:00 AM     CPU     %user     %nice   %system   %iowait    %steal     %idle\n"
        + each(lambda i: f"10:{clock(i)} AM     all     {10*loss(i):5.2f}      0.00      {1+i%3}.23      0.0{i%5}      0.00     {90*acc(i):5.2f}"),
        "%user", "row", mode="both"),
    "progress bar of pip": Case(
        each(lambda i: f"loss={loss(i):.4f} lr={rate(i)} [{'#'*(i//4)}{' '*(10-i//4)}] {i}/{N} eta 0:00:{N-i:02d}"), "loss", "iteration", lr="lr"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reads(read, name):
    check(read, CASES[name])
