//! Components in OCI registries, in the layout of the CNCF's Wasm artifacts
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>): a manifest with one
//! layer, `application/wasm`, that is the component, and a config that says what it is. So the
//! digest of the layer is that of the component, and other tools such as `wkg` read what is pushed
//! here and the other way round.
//!
//! Registries on this machine are spoken to without TLS, all others with it. A user and password
//! are taken from Docker's configuration, where `docker login` leaves them.

use std::{str::FromStr, time::Duration};

use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use oci_wasm::{WASM_LAYER_MEDIA_TYPE, WasmClient, WasmConfig};
use tokio::runtime::{Builder, Runtime};

use crate::{MAX_COMPONENT_BYTES, digest};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest silence of a registry.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Why a registry did not take or give a component.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The registry cannot be reached, or answers with an error.
    #[error("the registry `{registry}` did not answer as it should")]
    Registry {
        /// The registry's host.
        registry: String,
        /// What went wrong.
        source: Box<OciDistributionError>,
    },
    /// The registry asks for a user and password, or refuses those that it was given.
    #[error("the registry `{registry}` does not let this user in")]
    Unauthorized {
        /// The registry's host.
        registry: String,
    },
    /// There is no such name or version.
    #[error("the registry `{registry}` has no `{name}`")]
    Missing {
        /// The registry's host.
        registry: String,
        /// The name and version, or the name and digest.
        name: String,
    },
    /// What is there is no single component.
    #[error("`{name}` is no Wasm component: it has {found}")]
    NotAComponent {
        /// The name and version.
        name: String,
        /// What it has instead.
        found: String,
    },
    /// What is there is too large to be a plugin.
    #[error("`{name}` has {bytes} bytes; at most {MAX_COMPONENT_BYTES} are read")]
    TooLarge {
        /// The name and version.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// What is to be pushed is no component.
    #[error("this is no Wasm component")]
    Unreadable {
        /// What the reader says.
        reason: String,
    },
    /// This process cannot talk to anybody.
    #[error("the network could not be set up")]
    Setup(#[from] std::io::Error),
}

/// A name and version in a registry, and the means to talk to it.
pub(crate) struct Place {
    reference: Reference,
    client: WasmClient,
    auth: RegistryAuth,
    runtime: Runtime,
}

impl Place {
    /// Prepares for the place that follows `oci:` in a reference.
    pub(crate) fn new(place: &str) -> Result<Self, OciError> {
        let reference = Reference::from_str(place).map_err(|_| OciError::Missing {
            registry: place.to_owned(),
            name: place.to_owned(),
        })?;
        let registry = reference.resolve_registry().to_owned();
        let config = ClientConfig {
            protocol: if is_loopback(&registry) {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            ..ClientConfig::default()
        };
        Ok(Self {
            auth: auth(&registry),
            client: WasmClient::new(Client::new(config)),
            runtime: Builder::new_current_thread().enable_all().build()?,
            reference,
        })
    }

    /// Returns the digest of the component that is there now.
    pub(crate) fn digest(&self) -> Result<String, OciError> {
        let manifest = self.client.pull_image_manifest(&self.reference, &self.auth);
        let (manifest, _) = self
            .runtime
            .block_on(manifest)
            .map_err(|error| self.failed(error))?;
        let name = || self.name(None);
        let [layer] = manifest.layers.as_slice() else {
            return Err(OciError::NotAComponent {
                name: name(),
                found: format!("{} layers", manifest.layers.len()),
            });
        };
        if layer.media_type != WASM_LAYER_MEDIA_TYPE {
            return Err(OciError::NotAComponent {
                name: name(),
                found: format!("a layer of the type `{}`", layer.media_type),
            });
        }
        let bytes = u64::try_from(layer.size).unwrap_or(u64::MAX);
        if bytes > MAX_COMPONENT_BYTES {
            return Err(OciError::TooLarge {
                name: name(),
                bytes,
            });
        }
        Ok(layer.digest.clone())
    }

    /// Fetches the component with a digest, whatever the version means now.
    pub(crate) fn pull(&self, digest: &str) -> Result<Vec<u8>, OciError> {
        let mut component = Limited::default();
        let pulled = async {
            // What a manifest asks first, a blob takes for granted.
            let operation = oci_client::RegistryOperation::Pull;
            self.client
                .auth(&self.reference, &self.auth, operation)
                .await?;
            let blob = self
                .client
                .pull_blob(&self.reference, digest, &mut component);
            blob.await
        };
        self.runtime.block_on(pulled).map_err(|error| match error {
            OciDistributionError::IoError(_) => OciError::TooLarge {
                name: self.name(Some(digest)),
                bytes: MAX_COMPONENT_BYTES + 1,
            },
            OciDistributionError::RequestError(error)
                if error.status().is_some_and(|status| status == 404) =>
            {
                self.missing(Some(digest))
            }
            error => self.failed(error),
        })?;
        Ok(component.bytes)
    }

    /// Uploads a component under the name and version, and returns its digest.
    pub(crate) fn push(&self, component: Vec<u8>) -> Result<String, OciError> {
        let pushed = digest(&component);
        let (config, layer) = WasmConfig::from_raw_component(component, None).map_err(|error| {
            OciError::Unreadable {
                reason: format!("{error:#}"),
            }
        })?;
        let push = self
            .client
            .push(&self.reference, &self.auth, layer, config, None);
        self.runtime.block_on(push).map_err(|error| {
            match error.downcast::<OciDistributionError>() {
                Ok(error) => self.failed(error),
                Err(error) => OciError::Unreadable {
                    reason: format!("{error:#}"),
                },
            }
        })?;
        Ok(pushed)
    }

    fn failed(&self, error: OciDistributionError) -> OciError {
        let registry = self.reference.resolve_registry().to_owned();
        match error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => OciError::Unauthorized { registry },
            OciDistributionError::ImageManifestNotFoundError(_) => self.missing(None),
            OciDistributionError::RegistryError { ref envelope, .. }
                if envelope.errors.iter().any(|error| is_missing(&error.code)) =>
            {
                self.missing(None)
            }
            source => OciError::Registry {
                registry,
                source: Box::new(source),
            },
        }
    }

    fn missing(&self, digest: Option<&str>) -> OciError {
        OciError::Missing {
            registry: self.reference.resolve_registry().to_owned(),
            name: self.name(digest),
        }
    }

    fn name(&self, digest: Option<&str>) -> String {
        let repository = self.reference.repository();
        match digest {
            Some(digest) => format!("{repository}@{digest}"),
            None => format!("{repository}:{}", self.reference.tag().unwrap_or_default()),
        }
    }
}

fn is_missing(code: &oci_client::errors::OciErrorCode) -> bool {
    use oci_client::errors::OciErrorCode;
    matches!(
        code,
        OciErrorCode::ManifestUnknown
            | OciErrorCode::NameUnknown
            | OciErrorCode::BlobUnknown
            | OciErrorCode::NotFound
    )
}

/// Says whether a registry is on this machine.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn auth(registry: &str) -> RegistryAuth {
    use docker_credential::DockerCredential;
    match docker_credential::get_credential(registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            RegistryAuth::Basic(user, password)
        }
        // A registry that asks for more says so.
        Ok(DockerCredential::IdentityToken(_)) | Err(_) => RegistryAuth::Anonymous,
    }
}

/// Bytes of a component; more than a component may have are refused.
#[derive(Debug, Default)]
struct Limited {
    bytes: Vec<u8>,
}

impl tokio::io::AsyncWrite for Limited {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let fits = (self.bytes.len() + bytes.len()) as u64 <= MAX_COMPONENT_BYTES;
        std::task::Poll::Ready(if fits {
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        } else {
            Err(std::io::ErrorKind::FileTooLarge.into())
        })
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_on_this_machine_are_spoken_to_without_tls() {
        for here in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.1.2.3",
            "[::1]:5000",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "example.com",
            "localhost.example.com",
            "10.0.0.1:5000",
            "128.0.0.1",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
