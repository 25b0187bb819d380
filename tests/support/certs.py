"""A certificate authority for one test run, made by openssl."""

import pathlib
import subprocess


def _openssl(*args: str) -> None:
    done = subprocess.run(["openssl", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr}")


class Authority:
    """ca.crt and the certificates it signs, in one folder."""

    def __init__(self, folder: pathlib.Path, name: str = "ca"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cert = self.folder / f"{name}.crt"
        self.key = self.folder / f"{name}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", f"/CN=cenote test {name}", "-keyout", str(self.key),
                 "-out", str(self.cert))

    def issue(self, name: str, san: str = "DNS:localhost,IP:127.0.0.1",
              days: int = 30):
        """Writes <name>.crt and <name>.key and returns their paths."""
        key = self.folder / f"{name}.key"
        cert = self.folder / f"{name}.crt"
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", str(key), "-out", str(request))
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.cert),
                 "-CAkey", str(self.key), "-CAcreateserial", "-days", str(days),
                 "-extfile", str(extensions), "-out", str(cert))
        key.chmod(0o600)
        return cert, key
