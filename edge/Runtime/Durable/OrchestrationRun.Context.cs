using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>What the code sees of its run.</summary>
internal sealed partial class OrchestrationRun
{
    private sealed class Context(OrchestrationRun run) : TaskOrchestrationContext
    {
        private int _guids;

        public override TaskName Name { get; } = new(run._head.Name);

        public override string InstanceId => run._head.Id;

        public override ParentOrchestrationInstance? Parent { get; } = run._head.Parent is { } parent ? new(new TaskName(parent.Name), parent.Id) : null;

        public override DateTime CurrentUtcDateTime => run.Now;

        public override bool IsReplaying => run.IsReplaying;

        protected override ILoggerFactory LoggerFactory => run._settings.Loggers;

        public override T? GetInput<T>() where T : default => run._settings.Converter.Deserialize<T>(run._head.Input);

        public override Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null)
        {
            CheckCall(input, options);
            var data = run.Serialize(input, $"input of activity '{name.Name}'");
            return Retried(options, name.Name, () => run.CallActivity<TResult>(name.Name, data));
        }

        public override Task<TResult> CallSubOrchestratorAsync<TResult>(TaskName orchestratorName, object? input = null, TaskOptions? options = null)
        {
            CheckCall(input, options);
            var data = run.Serialize(input, $"input of sub-orchestration '{orchestratorName.Name}'");
            // One id for every attempt, as with the genuine worker: an attempt replaces the failed one before it.
            var id = (options as SubOrchestrationOptions)?.InstanceId ?? NewGuid().ToString("N");
            return Retried(options, orchestratorName.Name, () => run.CallChild<TResult>(orchestratorName.Name, id, data));
        }

        public override Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
        {
            CheckThread();
            return run.CreateTimer(fireAt.ToUniversalTime(), cancellationToken);
        }

        public override Task<T> WaitForExternalEvent<T>(string eventName, CancellationToken cancellationToken = default)
        {
            CheckThread();
            ArgumentException.ThrowIfNullOrEmpty(eventName);
            return run.WaitForEvent<T>(eventName, cancellationToken);
        }

        public override void SendEvent(string instanceId, string eventName, object payload)
        {
            CheckThread();
            ArgumentException.ThrowIfNullOrEmpty(instanceId);
            ArgumentException.ThrowIfNullOrEmpty(eventName);
            var data = run.Serialize(payload, $"event '{eventName}'");
            run.Produce(HistoryKind.EventSent, run._tasks++, eventName, instanceId);
            if (!run.IsReplaying) run._turn.Sent.Add(new SentEvent(instanceId, eventName, data));
        }

        public override void SetCustomStatus(object? customStatus)
        {
            CheckThread();
            var data = run._settings.Converter.Serialize(customStatus);
            if (!run.IsReplaying) Payloads.Check(data, "custom status", run._settings.MaxCustomStatusBytes);
            run._status = data;
        }

        public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true)
        {
            CheckThread();
            run._next = (newInput, preserveUnprocessedEvents);
        }

        public override Guid NewGuid()
        {
            CheckThread();
            // The same at every replay; another one in every execution of the instance.
            var id = run._head.Id;
            Span<byte> seed = new byte[Encoding.UTF8.GetByteCount(id) + 8];
            BinaryPrimitives.WriteInt32LittleEndian(seed, run._head.Execution);
            BinaryPrimitives.WriteInt32LittleEndian(seed[4..], _guids++);
            Encoding.UTF8.GetBytes(id, seed[8..]);
            BinaryPrimitives.WriteInt64LittleEndian(seed, BinaryPrimitives.ReadInt64LittleEndian(seed) ^ run._head.Key);
            Span<byte> hash = stackalloc byte[32];
            SHA256.HashData(seed, hash);
            hash[6] = (byte)((hash[6] & 0x0f) | 0x80);
            hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
            return new Guid(hash[..16], bigEndian: true);
        }

        private void CheckCall(object? input, TaskOptions? options)
        {
            CheckThread();
            if (input is TaskOptions && options is null)
                throw new ArgumentException("Options were given as the input. Name the parameter: options: …", nameof(input));
        }

        private void CheckThread()
        {
            if (!run._loop.IsCurrentThread)
                throw new InvalidOperationException("An orchestration's context was called off its thread: ConfigureAwait(false), Task.Run and I/O belong in activities.");
        }

        private Task<T> Retried<T>(TaskOptions? options, string name, Func<Task<T>> call) =>
            options?.Retry?.Policy is { } policy ? Retries.ByPolicyAsync(this, policy, call)
            : options?.Retry?.Handler is { } handler ? Retries.ByHandlerAsync(this, handler, call)
            : call();
    }
}
