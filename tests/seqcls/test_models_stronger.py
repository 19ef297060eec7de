"""inception, lite, resnet, attention, transformer: as in the papers, as torch computes them, refused elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.config.loading import parse_pipeline
from seqcls.config.model import Family
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused
from seqcls.models.attention import (
    FARTHEST,
    AttentionBlock,
    AttentionBlocks,
    SelfAttention,
    angles,
    distance_index,
    rotate,
)
from seqcls.models.building import build_model
from seqcls.models.families.inception import InceptionModel
from seqcls.models.families.lite import LiteModel
from seqcls.models.families.resnet import ResnetModel
from seqcls.models.families.transformer import TransformerModel
from seqcls.models.inception import InceptionBody, largest_of_three
from seqcls.models.lite import HandMadeFilters, peak, rise
from seqcls.models.residual import ResidualBody
from tests.seqcls.encoded_examples import SPECS, encoded_table
from tests.seqcls.test_models import batch_of, config_of

SERIES = InputSpec(form="values", max_length=150, channels=1)


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (InceptionModel(), 420_192),
        (LiteModel(), 9_814),
        (ResnetModel(), 504_000 - 1_152),  # biases before a batch normalisation, which takes them out again
    ],
    ids=lambda value: value.family if hasattr(value, "family") else "",
)
def test_the_defaults_have_as_many_weights_as_the_papers_say(config: Family, published: int) -> None:
    # As listed by Ismail-Fawaz et al. 2023, for one channel; the last layer, which depends on the classes, is left out.
    model = build_model(config, SERIES, 2)
    assert sum(weight.numel() for weight in model.body.parameters()) == published


def plain_convolution(x: Tensor, weight: Tensor) -> Tensor:
    """torch's own padding = "same"."""
    return F.conv1d(x, weight, padding="same")


def plain_norm(x: Tensor, norm: nn.Module) -> Tensor:
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def trained_a_little(body: nn.Module, width: int) -> nn.Module:
    """Norms away from where they start, so that leaving one out shows."""
    for name, weight in body.named_parameters():
        if weight.ndim == 1:
            nn.init.uniform_(weight, 0.5, 1.5) if name.endswith("weight") else nn.init.normal_(weight)
    body(torch.randn(8, 30, width) * 2 + 1, torch.full((8,), 30))
    return body.eval()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
def test_a_residual_network_of_full_rows_agrees_with_plain_torch() -> None:
    torch.manual_seed(0)
    body = trained_a_little(ResidualBody(2, [4, 4], [8, 5, 3]), 2)
    x = torch.randn(3, 30, 2)
    found, lengths = body(x, torch.full((3,), 30))
    h = x.transpose(1, 2)
    for block in body.blocks:
        past = h if block is body.blocks[1] else plain_convolution(h, block.shortcut.layer.layer.weight)
        past = plain_norm(past, block.shortcut.norm)
        for number, layer in enumerate(block.layers):
            h = plain_norm(plain_convolution(h, layer.layer.layer.weight), layer.norm)
            h = (h + past if number == 2 else h).relu()
    torch.testing.assert_close(found, h.transpose(1, 2), atol=1e-5, rtol=1e-5)
    assert lengths.tolist() == [30] * 3


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
def test_an_inception_network_of_full_rows_agrees_with_plain_torch() -> None:
    torch.manual_seed(0)
    body = trained_a_little(InceptionBody(2, 3, 8, depth=7), 2)
    x = torch.randn(3, 30, 2)
    h = past = x.transpose(1, 2)
    for number, module in enumerate(body.modules_):
        narrow = plain_convolution(h, module.bottleneck.layer.weight)
        assert [branch.layer.weight.shape[2] for branch in module.branches] == [8, 4, 2]
        parts = [plain_convolution(narrow, branch.layer.weight) for branch in module.branches]
        parts.append(plain_convolution(F.max_pool1d(h, 3, 1, 1), module.pooled.layer.weight))
        h = plain_norm(torch.cat(parts, 1), module.norm).relu()
        if number in (2, 5):
            short = body.shortcuts[number // 3]
            past = h = (h + plain_norm(plain_convolution(past, short.layer.layer.weight), short.norm)).relu()
    torch.testing.assert_close(body(x, torch.full((3,), 30))[0], h.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_the_largest_of_three_never_takes_padding() -> None:
    x = torch.tensor([[[-5.0, -3.0, -4.0, 0.0, 0.0]]])
    mask = torch.tensor([[[1.0, 1.0, 1.0, 0.0, 0.0]]])
    assert largest_of_three(x, mask).tolist() == [[[-3.0, -3.0, -3.0, 0.0, 0.0]]]
    assert largest_of_three(x[:, :, :3], None).tolist() == [[[-3.0, -3.0, -3.0]]]


def test_where_all_values_are_negative_a_padded_end_is_pooled_as_in_the_row_alone() -> None:
    torch.manual_seed(0)
    body = trained_a_little(InceptionBody(2, 3, 4, depth=1), 2)
    x = -1 - torch.rand(1, 5, 2)
    alone = body(x, torch.tensor([5]))[0]
    padded = body(F.pad(x, (0, 0, 0, 3)), torch.tensor([5]))[0]
    torch.testing.assert_close(padded[:, :5], alone, atol=1e-6, rtol=1e-5)
    assert not padded[:, 5:].any()


def test_filters_made_by_hand_answer_to_a_rise_a_fall_and_a_peak() -> None:
    assert rise(4) == [-1.0, 1.0, -1.0, 1.0]
    assert peak(4) == [-1.0, -1.0, 2.0, 2.0, -1.0, -1.0]
    assert peak(8) == [-0.25, -1.0, -1.0, -0.25, 0.5, 2.0, 2.0, 0.5, -0.25, -1.0, -1.0, -0.25]
    layer = HandMadeFilters()
    assert layer.width == 17
    assert not list(layer.parameters()), "they are not learnt"
    assert not layer.state_dict(), "nor kept with the weights"
    found = layer(torch.tensor([[[0.0, 0.0, 3.0, 1.0, 0.0]]]))[0]
    assert found[0].tolist() == [0.0, 3.0, 0.0, 0.0, 0.0]  # rises from position 1 to 2 by 3
    assert found[1].tolist() == [0.0, 0.0, 2.0, 1.0, 0.0]  # falls by 2, then by 1


def test_hand_made_filters_of_many_channels_are_the_sum_over_channels() -> None:
    torch.manual_seed(0)
    layer, x = HandMadeFilters(), torch.randn(2, 3, 40)
    for number, shape in enumerate(layer.shapes):
        weight = torch.tensor(shape).expand(1, 3, -1)
        expected = F.conv1d(F.pad(x, ((len(shape) - 1) // 2, len(shape) // 2)), weight).relu()
        torch.testing.assert_close(layer(x)[:, number : number + 1], expected, atol=1e-5, rtol=1e-5)


def test_a_block_of_attention_agrees_with_that_of_torch_padding_included() -> None:
    torch.manual_seed(0)
    ours = AttentionBlock(12, 3, dropout=0.0, positions="distance").eval()
    theirs = nn.TransformerEncoderLayer(12, 3, 48, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(ours.attention.queries_keys_values.weight)
        theirs.self_attn.in_proj_bias.zero_()
        for here, there in (
            (ours.attention.out, theirs.self_attn.out_proj),
            (ours.wide, theirs.linear1),
            (ours.narrow, theirs.linear2),
            (ours.norms[0], theirs.norm1),
            (ours.norms[1], theirs.norm2),
        ):
            nn.init.normal_(here.bias)
            there.load_state_dict(here.state_dict())
    x = torch.randn(2, 5, 12)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    hidden = torch.zeros(2, 1, 1, 5).masked_fill(padding[:, None, None], -1e9)
    found, expected = ours(x, hidden), theirs(x, src_key_padding_mask=padding)
    torch.testing.assert_close(found[~padding], expected[~padding], atol=1e-5, rtol=1e-5)


def test_distances_weigh_what_stands_so_far_away() -> None:
    layer = SelfAttention(2, 1, dropout=0.0, positions="distance").eval()
    with torch.no_grad():
        layer.queries_keys_values.weight.copy_(torch.cat([torch.zeros(4, 2), torch.eye(2)]))  # scores 0, values x
        layer.out.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
        assert layer.distances is not None
        layer.distances.weight[FARTHEST + 1] = 50.0  # the next position outweighs all others
    x = torch.tensor([[[1.0, 0.0], [2.0, 0.0], [3.0, 5.0]]])
    torch.testing.assert_close(layer(x, None)[0, :2], x[0, 1:])
    assert distance_index(3, x.device).tolist() == [[64, 65, 66], [63, 64, 65], [62, 63, 64]]
    assert distance_index(200, x.device)[0].max() == 2 * FARTHEST, "far away is far away"


def test_turned_queries_and_keys_know_their_distance_only() -> None:
    cosines, sines = angles(3, 1, torch.device("cpu"))
    turned = rotate(torch.tensor([[1.0, 0.0]] * 3), cosines, sines)
    torch.testing.assert_close(turned, torch.tensor([[np.cos(p), np.sin(p)] for p in range(3)], dtype=torch.float32))
    torch.manual_seed(0)
    query, key = torch.randn(8), torch.randn(8)
    turns = angles(40, 4, torch.device("cpu"))
    scores = rotate(query.expand(40, 8), *turns) @ rotate(key.expand(40, 8), *turns).T
    for distance in (-7, 0, 3):
        line = scores.diagonal(distance)
        torch.testing.assert_close(line, line[:1].expand_as(line), atol=1e-4, rtol=1e-4)
    assert scores[0].std() > 0.1, "and distances differ"


@pytest.mark.parametrize("positions", ["rotary", "distance"])
def test_attention_knows_the_order_of_positions(positions: str) -> None:
    torch.manual_seed(0)
    blocks = AttentionBlocks(8, 2, 1, 0.0, positions).eval()  # type: ignore[arg-type]
    if positions == "distance":
        nn.init.normal_(blocks.blocks[0].attention.distances.weight)  # it starts blind to order, and learns
    x = torch.randn(1, 6, 8)
    forwards = blocks(x, torch.tensor([6]))[0].mean(1)
    backwards = blocks(x.flip(1)[:, [1, 0, 2, 3, 4, 5]], torch.tensor([6]))[0].mean(1)
    assert (forwards - backwards).abs().max() > 1e-3


def pipeline_document(
    kind: str, model: dict[str, object], encode: dict[str, object] | None = None
) -> dict[str, object]:
    return {
        "name": "example",
        "kind": kind,
        "source": {"format": "csv", "files": ["rows.csv"]},
        "encode": encode or {},
        "model": model,
    }


@pytest.mark.parametrize("kind", ["text", "dna", "protein", "tokens"])
def test_lite_is_refused_for_anything_but_series(kind: str) -> None:
    with pytest.raises(ConfigRefused, match=r'model\.family = "lite" is for series, not for (words|letters)'):
        parse_pipeline(pipeline_document(kind, {"family": "lite"}), "example.toml")


def test_lite_is_refused_for_tokens_where_a_network_is_built() -> None:
    with pytest.raises(ConfigRefused, match=r'model\.family = "lite" is for series, not for words'):
        build_model(config_of("lite", "mean"), SPECS["tokens"], 2)


@pytest.mark.parametrize("family", ["attention", "transformer"])
def test_a_width_that_heads_cannot_share_is_refused_with_the_next_one(family: str) -> None:
    document = pipeline_document("tokens", {"family": family, "width": 50, "heads": 4})
    with pytest.raises(ConfigRefused, match=r"model.*width 50 is no multiple of 2 \* heads; set width = 56"):
        parse_pipeline(document, "example.toml")


@pytest.mark.parametrize("form", ["tokens", "values"])
def test_a_transformer_reads_sequences_longer_than_any_it_was_built_for(form: str) -> None:
    longer = SPECS[form].model_copy(update={"max_length": 40})
    batch = batch_of(longer, rows=12)
    assert batch.lengths.max() > SPECS[form].max_length
    for family in ("transformer", "attention"):
        logits = build_model(config_of(family, "mean"), SPECS[form], 3).eval()(batch)
        assert logits.isfinite().all()


def test_word_dropout_makes_words_unknown_in_training_only_and_never_padding() -> None:
    torch.manual_seed(0)
    spec = SPECS["tokens"]
    layer = build_model(config_of("cnn", "max", word_dropout=0.3), spec, 2).inputs
    rows = [[2.0 + n % 7 for n in range(13)]] * 199 + [[2.0]]
    batch = EncodedSplit.from_arrow(encoded_table(rows, [0] * 200, spec), spec).collate(np.arange(200), spec)
    unknown = layer.embedding.weight[1]
    assert not (layer.eval()(batch) == unknown).all(2).any(), "scoring reads every word"
    read = layer.train()(batch)
    gone = (read == unknown).all(2)
    assert gone[:199].float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert not gone[199, 1:].any(), "padding stays padding"
    assert not read[199, 1:].any()
    torch.testing.assert_close(read[~gone], layer.embedding(batch.tokens)[~gone])


def test_word_dropout_follows_the_seed() -> None:
    layer = build_model(config_of("cnn", "max", word_dropout=0.5), SPECS["tokens"], 2).inputs.train()
    batch = batch_of(SPECS["tokens"])
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(layer(batch))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    ("kind", "encode"), [("series", {}), ("dna", {"unit": "residues"}), ("protein", {"unit": "residues"})]
)
def test_word_dropout_without_words_is_refused(kind: str, encode: dict[str, object]) -> None:
    document = pipeline_document(kind, {"family": "cnn", "word_dropout": 0.1}, encode)
    with pytest.raises(ConfigRefused, match=r"model\.word_dropout is for words, tokens and k-mers; model\.embedding_d"):
        parse_pipeline(document, "example.toml")
    for form in ("values", "composition"):
        with pytest.raises(ConfigRefused, match=r"model\.word_dropout is for words, tokens and k-mers"):
            build_model(config_of("cnn", "max", word_dropout=0.1), SPECS[form], 2)


def test_word_dropout_of_k_mers_is_allowed() -> None:
    document = pipeline_document("dna", {"family": "transformer", "word_dropout": 0.1}, {"unit": "kmers", "k": 3})
    config = parse_pipeline(document, "example.toml").model
    assert isinstance(config, TransformerModel)
    assert config.word_dropout == 0.1
