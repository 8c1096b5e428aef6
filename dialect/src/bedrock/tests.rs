use super::{Operation, path};

mod read;
mod stream;
mod tuned;
mod write;

#[test]
fn a_model_is_one_segment_of_the_path() {
    assert_eq!(
        path(
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Operation::Converse
        ),
        "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    );
    let arn = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0";
    assert_eq!(
        path(arn, Operation::ConverseStream),
        "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.amazon.nova-lite-v1%3A0\
         /converse-stream"
    );
    assert_eq!(
        path("a b/../c", Operation::Invoke),
        "/model/a%20b%2F..%2Fc/invoke"
    );
}
