"""Write the expected Bundles of the samples anew; review the difference line by line before you commit it."""

from __future__ import annotations

from pathlib import Path

import sr2fhir
from sr2fhir.paths import layout
from sr2fhir.written import read_systems

if __name__ == "__main__":
    folder = layout().sources / "samples"
    issuers = read_systems(folder / "issuers.toml", "the issuers", "HOSP_B")
    with sr2fhir.Transformer(options=sr2fhir.RenderOptions(issuers=issuers)) as transformer:
        for sample in sorted(folder.iterdir()):
            if sample.suffix in (".dcm", ".json"):
                expected = Path(__file__).parent / "expected" / f"{sample.name}.bundle.json"
                expected.parent.mkdir(exist_ok=True)
                expected.write_bytes(transformer.transform(sample).json)
