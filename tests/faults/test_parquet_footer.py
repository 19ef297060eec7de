"""A Parquet file whose footer ends the process that looks at it (found by `benchmarks.fuzz`, seed 22, input 23,011)."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import pytest

from seqcls.errors import DataRefused
from tests.seqcls.reading_files import read_bytes

CONTRADICTS_ITSELF = zlib.decompress(
    base64.b85decode(
        "c-n1}J5R$v499%|k_swRkR0w%hAu=5<tep7h{c8SrjUx~m_|_ng|@UjHwH#VJ`59|g|Q!k0bf#D1bFcI{%8Nr*4+VB7H|+paeNmI"
        "gmC~%4gf%-9wMNPlR4~Im_ZXwrvTFftV`|2#yDwYTBmj_AvzW?Wf(`lDMJ~-NB(~d;Y;EFSFcv`AkB7g9$xu42$-IFl&N-jeH+$;"
        "a0+%EPG-@NLy=z%qpo6iEaj-23l64L9?XpD7oowY_Oq~Ggj;Y^zb8;RZW_=4b{Sq)?6(PJDwkVg@K0iLV}g6IpM?7^+*k2)n!haW"
        "tH-iG1@GOI{bGP}WST0K{gdTnRQVz1v=vC3M~Uqa-BYnf>qIqLt;JfgNVKPeRidp}=&zK7Nfi6?B}11uD6N-bF@}_=XGdCWpPg(+"
        "RlVIi)cGD2J<Z=B3TUkh>lJxN-uF%YR^xt%Hp@|PdK^`+%27ADR|+!Q^jrKUH#0%AIpeoljr;6f*lJ%i>e<Eo?ELJ4%JF0B_e>c8"
        "2mC9)0Q7i?QU"
    )
)


@pytest.mark.fault("N28", tried="a Parquet footer whose statistics contradict its schema", outcome="file refused")
def test_a_footer_that_contradicts_itself_is_refused_and_ends_no_process(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"data\.parquet: the footer is damaged.*Next: fetch the file again"):
        read_bytes(tmp_path, CONTRADICTS_ITSELF, format="parquet", name="data.parquet")
