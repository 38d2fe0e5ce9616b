using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Skylight.Core.Queues;
using QueueMessage = Skylight.Core.Queues.QueueMessage;

namespace Skylight.Azure.Queues;

/// <summary>
/// <see cref="IQueue"/> on Storage Queues. Bodies travel as base64, which is also what the Functions host's queue trigger expects. A queue is
/// made when the first message is sent to it; to read from one that is not there is to find it empty.
/// </summary>
public sealed class AzureQueue(QueueServiceClient service) : IQueue
{
    /// <summary>The options that the client must have been made with.</summary>
    public static QueueClientOptions Options => new() { MessageEncoding = QueueMessageEncoding.Base64 };

    public async ValueTask SendAsync(string queue, ReadOnlyMemory<byte> body, TimeSpan delay, CancellationToken cancellationToken)
    {
        QueueRules.CheckName(queue);
        QueueRules.CheckBody(body);
        QueueRules.CheckSpan(delay);
        var client = service.GetQueueClient(queue);
        try
        {
            await SendAsync(client, body, delay, cancellationToken);
        }
        catch (RequestFailedException error) when (error.ErrorCode == QueueErrorCode.QueueNotFound)
        {
            await client.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            await SendAsync(client, body, delay, cancellationToken);
        }
    }

    public async ValueTask<IReadOnlyList<QueueMessage>> ReceiveAsync(string queue, int max, TimeSpan visibility, CancellationToken cancellationToken)
    {
        QueueRules.CheckName(queue);
        QueueRules.CheckSpan(visibility);
        if (max is < 1 or > 32) throw new ArgumentOutOfRangeException(nameof(max), max, "1 to 32");
        try
        {
            var response = await service.GetQueueClient(queue).ReceiveMessagesAsync(max, visibility, cancellationToken);
            return [.. response.Value.Select(m => new QueueMessage(queue, m.MessageId, m.PopReceipt, m.Body.ToMemory(), (int)m.DequeueCount, m.InsertedOn ?? default, m.NextVisibleOn ?? default))];
        }
        catch (RequestFailedException error) when (error.ErrorCode == QueueErrorCode.QueueNotFound)
        {
            return [];
        }
    }

    public async ValueTask<QueueMessage?> ExtendAsync(QueueMessage message, TimeSpan visibility, CancellationToken cancellationToken)
    {
        QueueRules.CheckSpan(visibility);
        try
        {
            var receipt = await service.GetQueueClient(message.Queue).UpdateMessageAsync(message.Id, message.Receipt, (string?)null, visibility, cancellationToken);
            return message with { Receipt = receipt.Value.PopReceipt, VisibleAt = receipt.Value.NextVisibleOn };
        }
        catch (RequestFailedException error) when (Lost(error))
        {
            return null;
        }
    }

    public async ValueTask<bool> CompleteAsync(QueueMessage message, CancellationToken cancellationToken)
    {
        try
        {
            await service.GetQueueClient(message.Queue).DeleteMessageAsync(message.Id, message.Receipt, cancellationToken);
            return true;
        }
        catch (RequestFailedException error) when (Lost(error))
        {
            return false;
        }
    }

    public async ValueTask<long> CountAsync(string queue, CancellationToken cancellationToken)
    {
        QueueRules.CheckName(queue);
        try
        {
            var properties = await service.GetQueueClient(queue).GetPropertiesAsync(cancellationToken);
            return properties.Value.ApproximateMessagesCount;
        }
        catch (RequestFailedException error) when (error.ErrorCode == QueueErrorCode.QueueNotFound)
        {
            return 0;
        }
    }

    private static async Task SendAsync(QueueClient client, ReadOnlyMemory<byte> body, TimeSpan delay, CancellationToken cancellationToken) =>
        await client.SendMessageAsync(new BinaryData(body), delay == TimeSpan.Zero ? null : delay, NeverExpires, cancellationToken);

    /// <summary>The service's own notation; without it a message that nobody takes is gone after a week.</summary>
    private static TimeSpan NeverExpires => TimeSpan.FromSeconds(-1);

    /// <summary>Somebody else has received the message since, or has removed it.</summary>
    private static bool Lost(RequestFailedException error) =>
        error.ErrorCode == QueueErrorCode.MessageNotFound || error.ErrorCode == QueueErrorCode.PopReceiptMismatch || error.ErrorCode == QueueErrorCode.QueueNotFound;
}
