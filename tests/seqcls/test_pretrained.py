"""A pretrained encoder as a family: the same numbers as transformers, masks, the whole road, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from seqcls.config.encode import TextEncode
from seqcls.config.loading import load_pipeline, parse_pipeline
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders import Encoder, fit_encoder, load_encoder, save_encoder
from seqcls.encoders.pieces import PieceEncoder
from seqcls.engines.engine import EngineUnavailable
from seqcls.engines.registry import ENGINES
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.ledger import open_database
from seqcls.models.package import load_model
from seqcls.models.pretrained import FrozenEncoder, read_weights
from seqcls.stages import TRAIN, run_until
from seqcls.store.artefacts import ArtefactStore
from seqcls.workspace import Workspace

transformers = pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
tokenizers = pytest.importorskip("tokenizers")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefgh", *(f"##{letter}" for letter in "abcdefgh")]
TEXTS = ["abc de", "a", "hgf edc ba", "", "bad zzz cab", "abc def gh abc def gh"]


def write_folder(folder: Path, seed: int = 0) -> Path:
    """A small BERT with random weights, in the files that Hugging Face writes."""
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(PIECES), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=32,
    )  # fmt: skip
    transformers.BertModel(config).eval().save_pretrained(folder)
    words = tokenizers.Tokenizer(tokenizers.models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    words.decoder = tokenizers.decoders.WordPiece()
    words.enable_padding(length=32)  # as real folders have it; it must have no effect
    words.enable_truncation(4)
    words.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("tiny"))


def fit(folder: Path, **more: Any) -> Encoder:
    config = TextEncode(unit="pretrained", pretrained=str(folder), **more)
    return fit_encoder("text", config, lambda: iter([pa.array(TEXTS)]), ["no", "yes"])


def split_of(encoder: Encoder, texts: list[str]) -> EncodedSplit:
    encoded = encoder.encode(pa.array(texts))
    table = {"id": pa.array(list(map(str, range(len(texts))))), "label": pa.array([0] * len(texts), pa.int32())}
    return EncodedSplit.from_arrow(pa.table({**table, "sequence": encoded.sequence}), encoder.inputs)


def network_of(encoder: Encoder, folder: Path) -> FrozenEncoder:
    network = FrozenEncoder(None, encoder.inputs, 2)
    network.body.load_state_dict(read_weights(folder, network.body))
    torch.manual_seed(1)
    network.weight.copy_(torch.randn_like(network.weight))
    return network.eval()


@pytest.mark.slow
def test_the_means_of_all_layers_are_those_of_transformers_on_each_text_alone(folder: Path) -> None:
    encoder = fit(folder)
    split, network = split_of(encoder, TEXTS), network_of(encoder, folder)
    found = network.features(split.collate(np.arange(len(TEXTS)), encoder.inputs))
    theirs = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for row, text in enumerate(TEXTS):
        with torch.no_grad():
            layers = theirs(torch.tensor([tokenizer.encode(text).ids]), output_hidden_states=True).hidden_states
        wanted = torch.cat([layer[0].mean(0) for layer in layers])
        torch.testing.assert_close(found[row], wanted, atol=1e-5, rtol=1e-5)


def test_logits_depend_neither_on_padding_nor_on_neighbours(folder: Path) -> None:
    encoder = fit(folder)
    split, network = split_of(encoder, TEXTS), network_of(encoder, folder)
    batch = split.collate(np.arange(len(TEXTS)), encoder.inputs)
    together = network(batch)
    assert together.std(0).min() > 1e-3, "different rows do differ"
    torch.testing.assert_close(network(batch.pad_to(batch.width + 9)), together, atol=1e-5, rtol=1e-5)
    for row in range(len(TEXTS)):
        alone = network(split.collate(np.array([row]), encoder.inputs))
        torch.testing.assert_close(alone, together[row : row + 1], atol=1e-5, rtol=1e-5)


def test_a_row_that_is_cut_keeps_the_special_pieces_and_is_counted(folder: Path) -> None:
    encoded = fit(folder, max_length=5).encode(pa.array(["abcdefgh", "ab", "zz"]))
    assert encoded.sequence.to_pylist() == [[3, 5, 14, 15, 4], [3, 5, 14, 4], [3, 2, 4]]
    assert encoded.truncated.to_pylist() == [True, False, False]
    assert encoded.unknown.to_pylist() == [0, 0, 1]


def test_what_is_saved_gives_the_same_codes_and_names_no_path(folder: Path, tmp_path: Path) -> None:
    encoder = fit(folder)
    save_encoder(encoder, tmp_path)
    again = load_encoder(tmp_path)
    assert isinstance(again, PieceEncoder)
    assert again.encode(pa.array(TEXTS)) == encoder.encode(pa.array(TEXTS))
    assert again.decode(again.encode(pa.array(["abc de"])).sequence).to_pylist() == ["abc de"]
    assert str(folder) not in (tmp_path / "encoder.json").read_text()


def with_code(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": {"AutoModel": "evil.Model"}}))


def as_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (with_code, r"auto_map names code of its own.*evil\.Model"),
        (as_pickle, r"only as pytorch_model\.bin: reading a pickle could run any code"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"no tokenizer\.json"),
        (lambda folder: (folder / "config.json").write_text("{"), r"not JSON"),
        (shutil.rmtree, r"no such folder"),
    ],
)
def test_a_folder_that_is_not_safe_or_not_whole_is_refused_by_name(
    folder: Path, tmp_path: Path, spoil: Any, message: str
) -> None:
    spoil(shutil.copytree(folder, tmp_path / "copy"))
    with pytest.raises(DataRefused, match=message):
        fit(tmp_path / "copy")


def test_weights_of_another_network_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_hidden_layers": 3}))
    encoder = fit(tmp_path / "copy")
    with pytest.raises(DataRefused, match=r"tensors are missing: encoder\.layer\.2"):
        read_weights(tmp_path / "copy", FrozenEncoder(None, encoder.inputs, 2).body)


def test_more_positions_than_the_encoder_reads_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigRefused, match=r"33 positions.*from 3 to 32"):
        fit(folder, max_length=33)


DOCUMENT: dict[str, Any] = {
    "name": "pairs", "kind": "text",
    "source": {"format": "csv", "files": ["rows.csv"]},
    "model": {"family": "encoder", "encoder": "tiny"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("encode", "model", "message"),
    [
        ({"vocabulary": 500}, {}, "encode.vocabulary has no effect"),
        ({"unit": "words"}, {}, "is for pieces of a pretrained tokenizer, not for words"),
        ({"unit": "pretrained"}, {"family": "cnn"}, "needs the folder of an encoder"),
        ({"pretrained": "tiny"}, {"family": "cnn"}, 'is for unit = "pretrained", not for "words"'),
        ({"pretrained": "other"}, {}, "encode.pretrained 'other' is not model.encoder 'tiny'"),
    ],
)
def test_settings_without_effect_are_refused(encode: dict[str, Any], model: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigRefused, match=message):
        parse_pipeline({**DOCUMENT, "encode": encode, "model": model or DOCUMENT["model"]}, "pairs.toml")


@pytest.mark.slow
def test_the_road_keeps_its_own_copy_and_sees_changed_weights(tmp_path: Path) -> None:
    write_folder(tmp_path / "tiny")
    random = np.random.default_rng(0)
    lines = [
        f"r{row},{''.join(random.choice(list('abcd' if row % 2 else 'efgh'), 6))},{'low' if row % 2 else 'high'}"
        for row in range(80)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["id,sequence,label", *lines]) + "\n")
    (tmp_path / "pairs.toml").write_text(
        'name = "pairs"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["rows.csv"]\nid = "id"\n'
        '[model]\nfamily = "encoder"\nencoder = "tiny"\n'
    )
    first, again = road(tmp_path), road(tmp_path)
    assert [result.reused for result in again] == [True] * len(again)
    (tmp_path / "tiny").rename(tmp_path / "gone")
    model = load_model(first[-1].ref)  # nothing of the folder is needed
    for name in ENGINES.keys() - {"torch"}:
        with pytest.raises(EngineUnavailable):
            ENGINES[name](model)
    assert json.loads((first[-1].ref.folder / "history.json").read_text())[0]["accuracy"] == 1.0
    assert model.labels == ("high", "low")
    write_folder(tmp_path / "tiny", seed=1)
    changed = {result.stage: result.reused for result in road(tmp_path)}
    assert changed == {"ingest": True, "validate": True, "split": True, "encode": False, "train": False}


def road(folder: Path) -> list[Any]:
    loaded = load_pipeline(folder / "pairs.toml")
    database = open_database(loaded.store, None)
    try:
        return run_until(Workspace(loaded, ArtefactStore(loaded.store), database), TRAIN)
    finally:
        database.close()
