//! The certificate of the page: one that the gateway makes, or that of somebody else.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// What speaks TLS; none where plain HTTP is spoken. `names` are those of an own certificate.
///
/// # Errors
///
/// When key or certificate can be neither read nor made, or do not belong together; the words say
/// what to do.
pub(super) fn acceptor(
    tls: &Tls,
    state_dir: &Path,
    names: &[String],
) -> anyhow::Result<Option<TlsAcceptor>> {
    let (chain, key) = match tls {
        Tls::Off => return Ok(None),
        Tls::Own => own(state_dir, names)
            .with_context(|| format!("cannot keep a certificate in {}", state_dir.display()))?,
        Tls::Files { cert, key } => (read_chain(cert)?, read_key(key)?),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the files of `tls` in [web] cannot be used together: the first certificate in cert must be the one of key")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

type Certified = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = fs::read(path).with_context(|| {
        format!("cannot read {}, which `tls` in [web] names as cert", path.display())
    })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.with_context(|| format!("{} is damaged", path.display()))?;
    anyhow::ensure!(
        !chain.is_empty(),
        "there is no certificate in {}; it must have a line -----BEGIN CERTIFICATE-----",
        path.display()
    );
    Ok(chain)
}

fn read_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let text = fs::read(path).with_context(|| {
        format!(
            "cannot read {}, which `tls` in [web] names as key; the user of the gateway must be \
             able to",
            path.display()
        )
    })?;
    PrivateKeyDer::from_pem_slice(&text).with_context(|| {
        format!(
            "there is no key in {}; it must have a line -----BEGIN PRIVATE KEY-----, without a \
             password",
            path.display()
        )
    })
}

/// The certificate of this gateway. Browsers remember that a person trusts exactly this one, so it
/// is made anew only for a name that it lacks, and keeps the names that it has.
fn own(state_dir: &Path, names: &[String]) -> anyhow::Result<Certified> {
    let (key_file, cert_file) = (state_dir.join("tls.key"), state_dir.join("tls.crt"));
    let key = match fs::read_to_string(&key_file) {
        Ok(text) => KeyPair::from_pem(&text).with_context(|| {
            format!("{} is damaged; remove it, and browsers ask anew", key_file.display())
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::generate()?;
            write(&key_file, &key.serialize_pem())?;
            // It would belong to another key.
            fs::remove_file(&cert_file).ok();
            key
        }
        Err(error) => return Err(error.into()),
    };
    let old = fs::read_to_string(&cert_file).unwrap_or_default();
    let known: BTreeSet<_> = old.lines().filter_map(|line| line.strip_prefix(NAME)).collect();
    let chain = CertificateDer::pem_slice_iter(old.as_bytes()).collect::<Result<Vec<_>, _>>();
    let complete = names.iter().all(|name| known.contains(name.as_str()));
    let chain = match chain {
        Ok(chain) if complete && !chain.is_empty() => chain,
        Ok(_) | Err(_) => {
            let kept = known.into_iter().map(str::to_owned);
            let (text, chain) = make(&key, names, kept)?;
            write(&cert_file, &text)?;
            chain
        }
    };
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
    Ok((chain, key))
}

/// Valid at all times that a clock without a battery may tell.
fn make(
    key: &KeyPair,
    names: &[String],
    kept: impl Iterator<Item = String>,
) -> anyhow::Result<(String, Vec<CertificateDer<'static>>)> {
    let mut all = names.to_vec();
    all.extend(kept.filter(|name| !names.contains(name)));
    all.truncate(NAMES);
    let mut params = CertificateParams::new(all.clone())?;
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    params.distinguished_name.push(DnType::CommonName, "meshchat-gateway");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(io::Error::other)?;
    // Firefox refuses two certificates of one issuer with the same number for good.
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&serial));
    let certificate = params.self_signed(key)?;
    let mut text: String = all.iter().map(|name| format!("{NAME}{name}\n")).collect();
    text.push_str(&certificate.pem());
    Ok((text, vec![certificate.der().clone()]))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// Begins a line with a name of the certificate, before the certificate itself.
const NAME: &str = "name: ";
/// Most names of a certificate; the oldest are forgotten.
const NAMES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_lasts_until_it_lacks_a_name() {
        let dir = std::env::temp_dir().join(crate::door::fresh_key().unwrap());
        fs::create_dir(&dir).unwrap();
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let first = own(&dir, &names(&["attic.local", "192.0.2.7"])).unwrap();
        assert_eq!(own(&dir, &names(&["attic.local"])).unwrap().0, first.0);
        let second = own(&dir, &names(&["barn.local"])).unwrap();
        assert_ne!(second.0, first.0);
        assert_eq!(second.1, first.1, "the key stays");
        let all = names(&["attic.local", "192.0.2.7", "barn.local"]);
        assert_eq!(own(&dir, &all).unwrap().0, second.0);
        fs::remove_file(dir.join("tls.key")).unwrap();
        assert_ne!(own(&dir, &all).unwrap().1, first.1);
        assert!(acceptor(&Tls::Own, &dir, &all).unwrap().is_some());
        fs::write(dir.join("tls.key"), "nonsense").unwrap();
        assert!(format!("{:#}", own(&dir, &all).unwrap_err()).contains("damaged"));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn files_of_others_must_be_there_and_fit() {
        let dir = std::env::temp_dir().join(crate::door::fresh_key().unwrap());
        fs::create_dir(&dir).unwrap();
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        let tls = Tls::Files { cert: cert.clone(), key: key.clone() };
        let error = || format!("{:#}", acceptor(&tls, &dir, &[]).map(|_| ()).unwrap_err());
        assert!(error().contains("cannot read"), "{}", error());
        fs::write(&cert, "nothing").unwrap();
        assert!(error().contains("BEGIN CERTIFICATE"), "{}", error());
        let (mine, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        fs::write(&cert, make(&mine, &["a.example".into()], [].into_iter()).unwrap().0).unwrap();
        assert!(error().contains("as key"), "{}", error());
        fs::write(&key, "nothing").unwrap();
        assert!(error().contains("BEGIN PRIVATE KEY"), "{}", error());
        fs::write(&key, other.serialize_pem()).unwrap();
        assert!(error().contains("together"), "{}", error());
        fs::write(&key, mine.serialize_pem()).unwrap();
        assert!(acceptor(&tls, &dir, &[]).unwrap().is_some());
        fs::remove_dir_all(&dir).unwrap();
    }
}
