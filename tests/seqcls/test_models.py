"""Every family on every form of input: padding never counts, gradients reach every weight, small data is memorised."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.config.model import Family, families_trained, find_family
from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused
from seqcls.models.building import build_model
from seqcls.models.convolution import Convolutions
from seqcls.models.families.cnn import CnnModel
from seqcls.models.layers import MaskedBatchNorm, reverse
from seqcls.models.pooling import AttentionPooling, MaxPooling, MeanPooling
from seqcls.models.recurrence import Recurrence
from tests.seqcls.encoded_examples import COMPOSITION, SPECS, encoded_table, random_table

CLASSES = 3
WIDE = {"embedding": 12, "dropout": 0.0}


def config_of(family: str, pooling: str, **more: object) -> Family:
    """The smallest network of a family that uses all of its parts."""
    section = find_family(family)
    return section.model_validate({**section.example, "family": family, **WIDE, "pooling": pooling, **more})


def fits(family: str, form: str) -> bool:
    """Whether the family has a meaning for such sequences."""
    return SPECS[form].positions in find_family(family).suits


def forms_of(family: str) -> list[str]:
    return [form for form in SPECS if fits(family, form)]


def poolings_of(family: str) -> tuple[str, ...]:
    return get_args(find_family(family).model_fields["pooling"].annotation)


def batch_of(spec: InputSpec, rows: int = 6, seed: int = 0) -> Batch:
    split = EncodedSplit.from_arrow(random_table(spec, rows, CLASSES, seed), spec)
    return split.collate(np.arange(rows), spec)


def row_alone(batch: Batch, row: int, spec: InputSpec) -> Batch:
    """One row of a batch, cut to its own length."""
    length = int(batch.lengths[row])
    parts = {
        name: None if (part := getattr(batch, name)) is None else part[row : row + 1, :length]
        for name in ("tokens", "values", "observed")
    }
    facts = {name: getattr(batch, name)[row : row + 1] for name in ("rows", "lengths", "labels")}
    return replace(batch, **parts, **facts)


NETWORKS = families_trained("epochs")
# Pairwise: each family meets each form and each pooling, each form meets each pooling.
SWEEP = [
    pytest.param(family, forms[(number + step) % len(forms)], pooling, id=f"{family}-{pooling}")
    for number, family in enumerate(NETWORKS)
    for forms in [forms_of(family)]
    for step, pooling in enumerate(poolings_of(family))
]


def test_the_sweep_has_every_pair() -> None:
    cases = [case.values for case in SWEEP]
    assert {(family, form) for family, form, _ in cases} == {
        (name, form) for name in NETWORKS for form in forms_of(name)
    }
    assert {(family, pooling) for family, _, pooling in cases} == {
        (name, pooling) for name in NETWORKS for pooling in poolings_of(name)
    }
    plain = ("last", "mean", "max", "attention")
    assert {(form, pooling) for _, form, pooling in cases} >= {(form, pooling) for form in SPECS for pooling in plain}


@pytest.mark.parametrize(("family", "form", "pooling"), SWEEP)
def test_every_network_is_finite_and_a_gradient_reaches_every_weight(family: str, form: str, pooling: str) -> None:
    torch.manual_seed(0)
    model = build_model(config_of(family, pooling), SPECS[form], CLASSES)
    batch = batch_of(SPECS[form], rows=16)
    logits = model(batch)
    assert logits.shape == (16, CLASSES)
    assert logits.isfinite().all()
    F.cross_entropy(logits, batch.labels).backward()
    without = [
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    # `last` of a stack reads the first and the last position, all others must reach the loss.
    assert not without


@pytest.mark.slow
@pytest.mark.parametrize(("family", "form", "pooling"), SWEEP)
def test_logits_depend_neither_on_padding_nor_on_neighbours(family: str, form: str, pooling: str) -> None:
    torch.manual_seed(1)
    model = build_model(config_of(family, pooling), SPECS[form], CLASSES)
    model(batch_of(SPECS[form], rows=16, seed=3))  # running statistics away from where they start
    model.eval()
    batch = batch_of(SPECS[form])
    assert len(set(batch.lengths.tolist())) > 1, "rows of unequal length are the point"
    with torch.inference_mode():
        together = model(batch)
        torch.testing.assert_close(model(batch.pad_to(batch.width + 9)), together, atol=1e-5, rtol=1e-5)
        for row in range(len(batch)):
            alone = model(row_alone(batch, row, SPECS[form]))
            torch.testing.assert_close(alone, together[row : row + 1], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "form"),
    [(name, forms_of(name)[place]) for number, name in enumerate(NETWORKS) for place in (number % 2, -1 - number % 2)],
)
def test_every_family_memorises_32_rows_and_starts_at_chance(family: str, form: str) -> None:
    torch.manual_seed(2)
    spec = SPECS[form]
    split = EncodedSplit.from_arrow(random_table(spec, 32, CLASSES, seed=5, shortest=9), spec)
    labels = np.random.default_rng(0).permutation(split.labels)  # nothing to generalise: the rows must be memorised
    batch = replace(split.collate(np.arange(32), spec), labels=torch.from_numpy(labels))
    fields = find_family(family).model_fields
    width = {"width": 24} if "width" in fields else {}
    model = build_model(config_of(family, fields["pooling"].default, embedding=24, **width), spec, CLASSES)
    untrained = F.cross_entropy(model(batch), batch.labels).item()
    assert untrained == pytest.approx(np.log(CLASSES), abs=0.35)
    # At 0.01 a transformer swings, and whether it has memorised 32 series after 300 steps depends on the processor.
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0, fused=True)
    for _ in range(1500):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(batch), batch.labels)
        loss.backward()
        optimiser.step()
        if loss.item() < 0.02:
            break
    assert (model(batch).argmax(1) == batch.labels).all()


def test_batch_normalisation_without_padding_agrees_with_torch() -> None:
    torch.manual_seed(0)
    ours, theirs = MaskedBatchNorm(4), nn.BatchNorm1d(4)
    for _ in range(3):
        x = torch.randn(5, 4, 7) * 3 + 1
        torch.testing.assert_close(ours(x, None), theirs(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x, None), theirs.eval()(x), atol=1e-5, rtol=1e-5)


def test_batch_normalisation_counts_real_positions_only() -> None:
    norm = MaskedBatchNorm(1, momentum=1.0)
    x = torch.tensor([[[1.0, 3.0, 99.0]], [[5.0, -50.0, 7.0]]])
    out = norm(x, torch.tensor([[[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]]))
    assert norm.running_mean.item() == pytest.approx(3.0)  # (1 + 3 + 5) / 3
    assert norm.running_var.item() == pytest.approx(4.0)  # (4 + 0 + 4) / (3 - 1)
    assert out[0, 0, :2].tolist() == pytest.approx([-2 / (8 / 3) ** 0.5, 0.0], abs=1e-4)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_recurrence_agrees_with_packed_sequences(cell: str) -> None:
    torch.manual_seed(0)
    ours = Recurrence(cell, 3, 4, depth=2, bidirectional=True, dropout=0.0)
    theirs = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell](3, 4, 2, batch_first=True, bidirectional=True)
    weights = {}
    for depth in range(2):
        for suffix, layers in (("", ours.forwards), ("_reverse", ours.backwards)):
            for name, weight in layers[depth].named_parameters():
                weights[name.replace("_l0", f"_l{depth}{suffix}")] = weight.data
    theirs.load_state_dict(weights)
    lengths = torch.tensor([5, 1, 3])
    x = torch.randn(3, 5, 3)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    torch.testing.assert_close(ours(x, lengths)[0], expected, atol=1e-6, rtol=1e-5)


def test_recurrent_weights_start_orthogonal_and_the_forget_gate_open() -> None:
    layer = Recurrence("lstm", 3, 4, depth=1, bidirectional=False, dropout=0.0).forwards[0]
    assert isinstance(layer, nn.LSTM)
    for gate in layer.weight_hh_l0.split(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(4), atol=1e-5, rtol=0.0)
    assert (layer.bias_ih_l0 + layer.bias_hh_l0).tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 4, 5])
def test_convolutions_of_a_full_row_agree_with_torch(padding: str, kernel: int) -> None:
    torch.manual_seed(0)
    ours = Convolutions(2, [3], kernel, pool=2, padding=padding, normalise=False, dropout=0.0)
    x = torch.randn(4, 9, 2)
    sides = ((kernel - 1) // 2, kernel // 2) if padding == "same" else (0, 0)
    expected = F.conv1d(F.pad(x.transpose(1, 2), sides), ours.layers[0].weight, ours.layers[0].bias)
    expected = F.max_pool1d(expected.relu(), 2, ceil_mode=True).transpose(1, 2)
    found, lengths = ours(x, torch.full((4,), 9))
    torch.testing.assert_close(found, expected)
    assert lengths.tolist() == [expected.shape[1]] * 4 == [ours.length_after(9)] * 4


@pytest.mark.parametrize("length", range(12))
def test_the_lengths_after_convolutions_are_those_that_are_promised(length: int) -> None:
    for padding in ("same", "valid"):
        body = Convolutions(1, [2, 2], kernel=4, pool=3, padding=padding, normalise=False, dropout=0.0)
        x, lengths = body(torch.ones(1, 12, 1), torch.tensor([length]))
        assert lengths.item() == body.length_after(length) <= x.shape[1]
        assert not x[:, body.length_after(length) :].any()


def test_valid_convolutions_do_not_depend_on_padding() -> None:
    torch.manual_seed(0)
    for family in ("cnn", "hybrid"):
        model = build_model(config_of(family, "max", padding="valid", kernel=5), SPECS["tokens"], CLASSES).eval()
        batch = batch_of(SPECS["tokens"], rows=12)
        assert batch.lengths.min() < 5, "rows shorter than the kernel are the hard case"
        alone = torch.cat([model(row_alone(batch, row, SPECS["tokens"])) for row in range(12)])
        torch.testing.assert_close(model(batch.pad_to(40)), alone, atol=1e-5, rtol=1e-5)


def test_poolings_by_hand() -> None:
    x = torch.tensor([[[-3.0], [-1.0], [0.0]], [[2.0], [4.0], [6.0]], [[0.0], [0.0], [0.0]]])
    lengths = torch.tensor([2, 3, 0])
    assert MeanPooling(1)(x, lengths).squeeze(1).tolist() == [-2.0, 4.0, 0.0]
    assert MaxPooling(1)(x, lengths).squeeze(1).tolist() == [-1.0, 6.0, 0.0]
    attention = AttentionPooling(1)
    nn.init.zeros_(attention.query.weight)  # all positions weigh the same: the mean
    assert attention(x, lengths).squeeze(1).tolist() == pytest.approx([-2.0, 4.0, 0.0])


@pytest.mark.slow
@pytest.mark.parametrize("family", NETWORKS)
def test_a_row_without_positions_gives_finite_logits(family: str) -> None:
    for form, spec in SPECS.items():
        if not fits(family, form):
            continue
        split = EncodedSplit.from_arrow(encoded_table([[], [1.0] * 3], [0, 1], spec), spec)
        for rows in ([0], [0, 1]):
            for pooling in ("last", "mean", "max", "attention"):
                logits = build_model(config_of(family, pooling), spec, 2)(split.collate(np.array(rows), spec))
                assert logits.isfinite().all(), form


def test_reversing_twice_gives_the_row_back() -> None:
    x = torch.arange(8.0).view(2, 4, 1)
    lengths = torch.tensor([3, 4])
    assert reverse(x, lengths).squeeze(2).tolist() == [[2, 1, 0, 3], [7, 6, 5, 4]]
    assert torch.equal(reverse(reverse(x, lengths), lengths), x)


@pytest.mark.parametrize("family", [family for family in NETWORKS if fits(family, "tokens")])
def test_a_sequence_and_its_reverse_complement_have_the_same_logits(family: str) -> None:
    # padding, A, C, G, T, R (A or G), and Y (C or T), its complement
    composition = (*COMPOSITION, (0.0, 0.5, 0.0, 0.5))
    complement = (0, 4, 3, 2, 1, 6, 5)
    spec = InputSpec(form="tokens", max_length=9, vocabulary=7, composition=composition, complement=complement)
    torch.manual_seed(0)
    model = build_model(config_of(family, "last" if family != "cnn" else "flatten"), spec, CLASSES).eval()
    sequences = [[1, 1, 2, 5, 4], [3, 2, 2, 2, 6, 1, 1, 4], [2]]
    others = [[complement[base] for base in reversed(sequence)] for sequence in sequences]
    logits = [
        model(EncodedSplit.from_arrow(encoded_table(rows, [0] * 3, spec), spec).collate(np.arange(3), spec))
        for rows in (sequences, others)
    ]
    torch.testing.assert_close(logits[0], logits[1], atol=1e-6, rtol=1e-6)
    assert logits[0].std(0).min() > 1e-4, "different sequences do differ"


def test_an_ambiguous_letter_stands_half_way_between_its_bases() -> None:
    layer = build_model(config_of("cnn", "max"), SPECS["composition"], 2).inputs
    split = EncodedSplit.from_arrow(encoded_table([[1, 3, 5]], [0], SPECS["composition"]), SPECS["composition"])
    a, g, r = layer(split.collate(np.array([0]), SPECS["composition"]))[0]
    torch.testing.assert_close(r, (a + g) / 2)


class PlainRecurrent(nn.Module):
    """The founding networks of text and DNA as anybody would write them."""

    def __init__(self, cell: type[nn.RNNBase], vocabulary: int, embedding: int, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.cell = cell(embedding, width, batch_first=True)
        self.out = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.out(self.cell(self.embedding(tokens))[0][:, -1])
        return logits


@pytest.mark.parametrize(
    ("family", "cell", "vocabulary", "embedding", "width", "classes", "length"),
    [("lstm", nn.LSTM, 10_000, 128, 128, 3, 100), ("gru", nn.GRU, 5, 32, 64, 4, 150)],
)
def test_the_founding_recurrent_networks_are_expressible(
    family: str, cell: type[nn.RNNBase], vocabulary: int, embedding: int, width: int, classes: int, length: int
) -> None:
    spec = InputSpec(form="tokens", max_length=length, vocabulary=vocabulary)
    ours = build_model(
        config_of(family, "last", embedding=embedding, width=width, depth=1, bidirectional=False), spec, classes
    )
    theirs = PlainRecurrent(cell, vocabulary, embedding, width, classes)
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    for here, there in pairs:
        assert here.shape == there.shape
        there.data.copy_(here.data)
    tokens = np.random.default_rng(0).integers(1, vocabulary, (3, length))
    split = EncodedSplit.from_arrow(encoded_table(tokens.tolist(), [0] * 3, spec), spec)
    found = ours(split.collate(np.arange(3), spec))
    torch.testing.assert_close(found, theirs(torch.from_numpy(tokens)), atol=1e-5, rtol=1e-5)


class ByPosition(nn.Module):
    """(B, D, T) -> (B, T, D): the document's Keras flattens by position, then by filter."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def test_the_founding_convolutional_network_is_expressible() -> None:
    spec = InputSpec(form="values", max_length=500, channels=1)
    config = CnnModel(filters=[32, 64], kernel=5, pool=2, padding="valid", pooling="flatten", dense=128, dropout=0.0)
    ours = build_model(config, spec, 5)
    theirs = nn.Sequential(
        nn.Conv1d(1, 32, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 64, 5), nn.ReLU(), nn.MaxPool1d(2),
        ByPosition(), nn.Flatten(), nn.Linear(64 * 122, 128), nn.ReLU(), nn.Linear(128, 5),
    )  # fmt: skip
    for here, there in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert here.shape == there.shape
        there.data.copy_(here.data)
    values = np.random.default_rng(0).normal(size=(4, 500)).astype(np.float32)
    split = EncodedSplit.from_arrow(encoded_table(values.tolist(), [0] * 4, spec), spec)
    found = ours(split.collate(np.arange(4), spec))
    torch.testing.assert_close(found, theirs(torch.from_numpy(values)[:, None]), atol=1e-5, rtol=1e-5)


def test_an_untrained_network_of_flattened_positions_has_no_opinion() -> None:
    torch.manual_seed(3)
    spec = InputSpec(form="values", max_length=500, channels=1)
    config = CnnModel(filters=[32, 64], kernel=5, pool=2, padding="valid", pooling="flatten", dense=128)
    split = EncodedSplit.from_arrow(random_table(spec, 64, 5, seed=4, shortest=500), spec)
    chances = build_model(config, spec, 5).eval()(split.collate(np.arange(64), spec)).softmax(1)
    assert (chances - 0.2).abs().max() < 0.1  # 0.3 to 0.5 with the spread that is right for pooled vectors


def test_a_search_has_no_network_and_the_families_that_have_one_are_listed() -> None:
    with pytest.raises(ConfigRefused, match=r'family "auto" has no network.* one of cnn, rnn, lstm, gru, hybrid'):
        build_model(find_family("auto")(), SPECS["tokens"], 2)


def test_dropout_of_the_embedding_takes_whole_positions() -> None:
    torch.manual_seed(0)
    layer = build_model(config_of("cnn", "max", embedding_dropout=0.5), SPECS["tokens"], 2).inputs.train()
    split = EncodedSplit.from_arrow(encoded_table([[1, 2, 3, 4, 5, 6, 7, 8]], [0], SPECS["tokens"]), SPECS["tokens"])
    batch = split.collate(np.array([0]), SPECS["tokens"])
    dropped, whole = layer(batch)[0], layer.eval()(batch)[0]
    gone = (dropped == 0).all(1)
    assert 0 < gone.sum() < 8
    torch.testing.assert_close(dropped[~gone], whole[~gone] * 2)
