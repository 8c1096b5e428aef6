//! Where each dialect's operations are.

use weir_table::{BaseUrl, Dialect, Lack};

use super::{Address, OpenAiSites, Sites};
use crate::body::ModelName;

fn address(dialect: Dialect, url: &str) -> Address {
    Address {
        dialect,
        url: BaseUrl::parse(url).unwrap(),
        api_version: None,
        lacks: [].into(),
    }
}

fn sites(address: &Address) -> Sites {
    Sites::new(address, &ModelName::new("gpt 4/o")).unwrap()
}

fn openai(address: &Address) -> OpenAiSites {
    let Sites::OpenAi(sites) = sites(address) else {
        panic!("not OpenAI's")
    };
    *sites
}

#[test]
fn the_version_in_a_callers_path_gives_way_to_that_of_the_base_url() {
    let sites = openai(&address(Dialect::OpenAI, "https://x/base/v2"));
    assert_eq!(sites.chat, "/base/v2/chat/completions");
    assert_eq!(sites.at("/v1/audio/speech").unwrap(), "/base/v2/audio/speech");
    assert_eq!(sites.at("/v1beta/own").unwrap(), "/base/v2/v1beta/own");
    assert_eq!(sites.at("/own").unwrap(), "/base/v2/own");
}

#[test]
fn azures_classic_addresses_name_deployment_and_version() {
    let mut azure = address(Dialect::AzureOpenAI, "https://res.openai.azure.com/");
    azure.api_version = Some("2024-10-21".to_owned());
    let sites = openai(&azure);
    assert_eq!(
        sites.chat,
        "/openai/deployments/gpt%204%2Fo/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(
        sites.at("/v1/images/generations").unwrap(),
        "/openai/deployments/gpt%204%2Fo/images/generations?api-version=2024-10-21"
    );
    assert_eq!(sites.responses, None);
}

#[test]
fn azures_v1_is_found_with_or_without_its_path() {
    for url in [
        "https://res.openai.azure.com",
        "https://res.openai.azure.com/openai/v1/",
    ] {
        let sites = openai(&address(Dialect::AzureOpenAI, url));
        assert_eq!(sites.embeddings, "/openai/v1/embeddings", "{url}");
        assert_eq!(sites.responses.unwrap(), "/openai/v1/responses");
    }
}

#[test]
fn anthropic_is_found_with_or_without_its_version() {
    for url in ["https://api.anthropic.com", "https://api.anthropic.com/v1"] {
        let Sites::Anthropic {
            messages,
            count_tokens,
        } = sites(&address(Dialect::Anthropic, url))
        else {
            panic!("not Anthropic's");
        };
        assert_eq!(messages, "/v1/messages", "{url}");
        assert_eq!(count_tokens, "/v1/messages/count_tokens");
    }
}

#[test]
fn what_a_provider_lacks_is_nowhere() {
    let mut lacking = address(Dialect::OpenAI, "https://x/v1");
    lacking.lacks = [Lack::Responses].into();
    assert_eq!(openai(&lacking).responses, None);
}
