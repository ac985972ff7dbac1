//! What goes on while the demo runs: customers order, and what they order is paid, packed and sent.

use std::time::Duration;

use action_scheduler::{Context, Failure, HandlerContext, Result, Scheduler, Shutdown};
use serde_json::{Value, json};

/// How long it is from one order to the next.
const BETWEEN_ORDERS: Duration = Duration::from_secs(15);

/// Binds the hooks that the program itself does, as a library's user would.
pub fn open(scheduler: &Scheduler) -> Result<()> {
    // What takes so long, in milliseconds, and goes wrong once in so many times.
    scheduler.on("charge_card", |args: Value, context| {
        work(args, context, 400, 9, "the bank said 402: card declined")
    })?;
    scheduler.on("update_stock", |args: Value, context| {
        work(args, context, 30, 50, "deadlock detected")
    })?;
    scheduler.on("render_label", |args: Value, context| {
        work(args, context, 900, 25, "out of label paper")
    })?;
    scheduler.on("index_product", |args: Value, context| {
        work(args, context, 50, 1000, "the index is being rebuilt")
    })
}

async fn work(
    args: Value,
    context: HandlerContext,
    takes: u64,
    one_in: u64,
    reason: &'static str,
) -> Result<(), Failure> {
    // It differs from action to action, and is the same for all attempts but the last.
    let number = args.get("order").and_then(Value::as_u64).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(takes / 2 + takes * (number % 7) / 6)).await;
    if number.is_multiple_of(one_in) && context.attempt().0 < 3 {
        return Err(Failure::new(reason));
    }
    context.log(format!("order {number} done"));
    Ok(())
}

/// Orders one after another, until it is told to stop.
pub async fn keep(scheduler: Scheduler, shutdown: Shutdown) {
    let scheduler = scheduler.acting_as(Context::new("shop"));
    for order in 80_000_u64.. {
        if let Err(error) = place(&scheduler, order).await {
            tracing::warn!(%error, "an order of the demo could not be stored");
        }
        tokio::select! {
            () = shutdown.stopping() => return,
            () = tokio::time::sleep(BETWEEN_ORDERS) => {}
        }
    }
}

async fn place(scheduler: &Scheduler, order: u64) -> Result<()> {
    let soon = scheduler.now() + Duration::from_secs(20);
    let of = |more: Value| {
        let mut args = json!({ "order": order });
        if let (Some(args), Value::Object(more)) = (args.as_object_mut(), more) {
            args.extend(more);
        }
        args
    };
    let card = of(json!({ "customer": "Zoë Müller", "card": "4242 4242 4242 4242" }));
    scheduler.enqueue_async("charge_card", card).group("billing").priority(1).await?;
    let stock = of(json!({ "sku": "TEA-500", "change": -1 }));
    scheduler.enqueue_async("update_stock", stock).group("warehouse").priority(5).await?;
    let label = of(json!({ "carrier": "DHL" }));
    scheduler.schedule_single(soon, "render_label", label).group("warehouse").await?;
    let mail = of(json!({ "to": "customer@example.com" }));
    scheduler.schedule_single(soon, "send_receipt", mail).group("mails").await?;
    let review = scheduler.now() + Duration::from_secs(7 * 86_400);
    scheduler.schedule_single(review, "send_reminder", of(json!({}))).group("mails").await?;
    let product = of(json!({ "product": order % 500 }));
    scheduler.enqueue_async("index_product", product).group("search").priority(100).await?;
    Ok(())
}
