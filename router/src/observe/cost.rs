//! What an answer cost. Pure.

use weir_dialect::form::Usage;
use weir_table::Prices;

/// The cost in US dollars; `None` where a price that it takes is not known. Cached tokens without a price of
/// their own cost what others of the prompt do.
pub(super) fn dollars(prices: &Prices, usage: Usage) -> Option<f64> {
    let Usage {
        input,
        cache_read,
        cache_write,
        output,
        reasoning: _,
    } = usage;
    let Prices {
        input: fresh_price,
        output: output_price,
        cache_read: read_price,
        cache_write: write_price,
    } = *prices;
    let fresh = input.saturating_sub(cache_read).saturating_sub(cache_write);
    let parts = [
        (fresh, fresh_price),
        (cache_read, read_price.or(fresh_price)),
        (cache_write, write_price.or(fresh_price)),
        (output, output_price),
    ];
    parts.into_iter().map(|(tokens, price)| part(tokens, price)).sum()
}

/// What is not there costs nothing, whatever its price.
#[expect(clippy::cast_precision_loss, reason = "nobody pays for 2^53 tokens at once")]
fn part(tokens: u64, per_million: Option<f64>) -> Option<f64> {
    if tokens == 0 {
        return Some(0.0);
    }
    per_million.map(|price| tokens as f64 * price / 1e6)
}

#[cfg(test)]
mod tests {
    use weir_dialect::form::Usage;
    use weir_table::Prices;

    use super::dollars;

    const USAGE: Usage = Usage {
        input: 1_000,
        cache_read: 600,
        cache_write: 100,
        output: 200,
        reasoning: 150,
    };

    fn near(cost: Option<f64>, expected: f64) {
        let cost = cost.unwrap();
        assert!((cost - expected).abs() < 1e-15, "{cost} and not {expected}");
    }

    #[test]
    fn each_token_is_paid_once_at_its_own_price() {
        let prices = Prices {
            input: Some(3.0),
            output: Some(15.0),
            cache_read: Some(0.3),
            cache_write: Some(3.75),
        };
        near(
            dollars(&prices, USAGE),
            (300.0 * 3.0 + 600.0 * 0.3 + 100.0 * 3.75 + 200.0 * 15.0) / 1e6,
        );
    }

    #[test]
    fn cached_tokens_without_a_price_cost_as_others_do() {
        let prices = Prices {
            input: Some(3.0),
            output: Some(0.0),
            ..Prices::default()
        };
        near(dollars(&prices, USAGE), 1_000.0 * 3.0 / 1e6);
    }

    #[test]
    fn a_cost_is_unknown_where_a_price_is_missing_for_what_was_used() {
        let prices = Prices {
            input: Some(0.02),
            ..Prices::default()
        };
        assert_eq!(dollars(&prices, USAGE), None);
        let embedding = Usage {
            input: 500,
            ..Usage::default()
        };
        near(dollars(&prices, embedding), 500.0 * 0.02 / 1e6);
        assert_eq!(dollars(&Prices::default(), embedding), None);
    }
}
