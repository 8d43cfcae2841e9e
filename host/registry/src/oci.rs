//! Components in OCI registries, in the layout of the CNCF's Wasm artifacts
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>): a manifest with one
//! layer, `application/wasm`, that is the component, and a config that says what it is. So the
//! digest of the layer is that of the component, and other tools such as `wkg` read what is pushed
//! here and the other way round.
//!
//! Registries on this machine are spoken to without TLS, all others with it. A user and password
//! are taken from Docker's configuration, where `docker login` leaves them. None is waited for
//! without end: `oci/waiting.rs` has the limits.

mod limited;
#[cfg(test)]
mod misbehaving;
mod waiting;

use std::{error::Error, str::FromStr, sync::atomic::AtomicBool, time::Duration};

use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use oci_wasm::{WASM_LAYER_MEDIA_TYPE, WasmClient, WasmConfig};

use self::{
    limited::{Limited, is_full},
    waiting::{GivenUp, Limits, Waiting},
};
use crate::digest;

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
    /// There is no connection, or no byte comes, for too long.
    #[error("the registry `{registry}` was silent for {} s", .limit.as_secs_f64())]
    Silent {
        /// The registry's host.
        registry: String,
        /// How long it may be silent.
        limit: Duration,
    },
    /// The registry answers, but takes too long in all.
    #[error("the registry `{registry}` was not done after {} s", .limit.as_secs_f64())]
    Late {
        /// The registry's host.
        registry: String,
        /// How long it may take.
        limit: Duration,
    },
    /// The connection ended before the component did.
    #[error("the registry `{registry}` broke off after {bytes} bytes")]
    BrokenOff {
        /// The registry's host.
        registry: String,
        /// How many bytes of it had arrived.
        bytes: u64,
        /// What went wrong.
        source: Box<OciDistributionError>,
    },
    /// The program was asked to stop.
    #[error("talking to the registry `{registry}` was interrupted")]
    Interrupted {
        /// The registry's host.
        registry: String,
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
    #[error("`{name}` has more than {most} bytes, the most that are read")]
    TooLarge {
        /// The name and version, or the name and digest.
        name: String,
        /// How many bytes a component may have.
        most: u64,
    },
    /// What is to be pushed is no component.
    #[error("this is no Wasm component")]
    Unreadable {
        /// What the reader says.
        reason: String,
    },
    /// This process cannot talk to anybody.
    #[error("the network could not be set up")]
    Setup(#[source] Box<dyn Error + Send + Sync>),
}

/// A name and version in a registry, and the means to talk to it.
pub(crate) struct Place<'a> {
    reference: Reference,
    client: WasmClient,
    auth: RegistryAuth,
    limits: Limits,
    waiting: Waiting<'a>,
}

impl<'a> Place<'a> {
    /// Prepares to pull from the place that follows `oci:` in a reference, until `stop` is set.
    pub(crate) fn to_pull(place: &str, stop: &'a AtomicBool) -> Result<Self, OciError> {
        Self::new(place, Limits::PULL, stop)
    }

    /// Prepares to push to the place that follows `oci:` in a reference, until `stop` is set.
    pub(crate) fn to_push(place: &str, stop: &'a AtomicBool) -> Result<Self, OciError> {
        Self::new(place, Limits::PUSH, stop)
    }

    fn new(place: &str, limits: Limits, stop: &'a AtomicBool) -> Result<Self, OciError> {
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
            connect_timeout: Some(limits.connect),
            read_timeout: Some(limits.silence),
            ..ClientConfig::default()
        };
        // `Client::new` would go on with a client that has no limits.
        let client = Client::try_from(config).map_err(|error| OciError::Setup(error.into()))?;
        let waiting = Waiting::new(limits.overall, stop);
        Ok(Self {
            auth: auth(&registry),
            client: WasmClient::new(client),
            waiting: waiting.map_err(|error| OciError::Setup(error.into()))?,
            limits,
            reference,
        })
    }

    /// Returns the digest of the component that is there now.
    pub(crate) fn digest(&self) -> Result<String, OciError> {
        let manifest = self.client.pull_image_manifest(&self.reference, &self.auth);
        let (manifest, _) = self.wait(manifest)?.map_err(|error| self.failed(error))?;
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
        if bytes > self.limits.component_bytes {
            return Err(self.too_large(None));
        }
        Ok(layer.digest.clone())
    }

    /// Fetches the component with a digest, whatever the version means now.
    pub(crate) fn pull(&self, digest: &str) -> Result<Vec<u8>, OciError> {
        let mut component = Limited::new(self.limits.component_bytes);
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
        let pulled = self.wait(pulled)?;
        pulled.map_err(|error| match error {
            OciDistributionError::IoError(ref error) if is_full(error) => {
                self.too_large(Some(digest))
            }
            OciDistributionError::RequestError(ref error)
                if error.status().is_some_and(|status| status == 404) =>
            {
                self.missing(Some(digest))
            }
            // Whatever goes wrong with a body that has begun, other than a silence.
            OciDistributionError::RequestError(ref request)
                if request.is_decode() && !request.is_timeout() =>
            {
                OciError::BrokenOff {
                    registry: self.registry(),
                    bytes: component.bytes.len() as u64,
                    source: Box::new(error),
                }
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
        let push = self.wait(push)?;
        push.map_err(|error| match error.downcast::<OciDistributionError>() {
            Ok(error) => self.failed(error),
            Err(error) => OciError::Unreadable {
                reason: format!("{error:#}"),
            },
        })?;
        Ok(pushed)
    }

    /// Waits for what the registry is asked.
    fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, OciError> {
        self.waiting.wait(work).map_err(|given_up| match given_up {
            GivenUp::Interrupted => OciError::Interrupted {
                registry: self.registry(),
            },
            GivenUp::Late => OciError::Late {
                registry: self.registry(),
                limit: self.limits.overall,
            },
        })
    }

    fn failed(&self, error: OciDistributionError) -> OciError {
        let registry = self.registry();
        match error {
            OciDistributionError::RequestError(error) if error.is_timeout() => OciError::Silent {
                registry,
                limit: if error.is_connect() {
                    self.limits.connect
                } else {
                    self.limits.silence
                },
            },
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
            registry: self.registry(),
            name: self.name(digest),
        }
    }

    fn too_large(&self, digest: Option<&str>) -> OciError {
        OciError::TooLarge {
            name: self.name(digest),
            most: self.limits.component_bytes,
        }
    }

    fn registry(&self) -> String {
        self.reference.resolve_registry().to_owned()
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
