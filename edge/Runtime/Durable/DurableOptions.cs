using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Settings of the durable engine: <c>Skylight:Durable</c>; the concurrency limits come from host.json (<c>extensions.durableTask</c>), as in the cloud.</summary>
public sealed class DurableOptions
{
    public const string Section = "Skylight:Durable";

    /// <summary>Activities that run at once. Default 32.</summary>
    [Range(1, 10_000)]
    public int MaxConcurrentActivities { get; set; } = 32;

    /// <summary>Orchestrations whose turn is taken at once; any number may be waiting. Default 32.</summary>
    [Range(1, 10_000)]
    public int MaxConcurrentOrchestrators { get; set; } = 32;

    /// <summary>Largest input, output or event in bytes of UTF-8. Default 1 MiB: what is larger belongs in a record or an object, and its key here.</summary>
    [Range(1024, 16 * 1024 * 1024)]
    public int MaxPayloadBytes { get; set; } = 1024 * 1024;

    /// <summary>Largest custom status in bytes of UTF-8. Default 16 KiB.</summary>
    [Range(256, 1024 * 1024)]
    public int MaxCustomStatusBytes { get; set; } = 16 * 1024;

    /// <summary>Orchestrations kept in memory between turns; others are replayed from their history when something happens to them. Default 5,000.</summary>
    [Range(0, 1_000_000)]
    public int MaxCachedInstances { get; set; } = 5_000;

    /// <summary>Finished instances and their history are purged this many days after they ended. Default 90; 0 keeps them for ever.</summary>
    [Range(0, 36_500)]
    public int KeepFinishedDays { get; set; } = 90;

    /// <summary>How long a stopping host waits for running activities, in seconds; what runs longer is run again after the next start. Default 20.</summary>
    [Range(0, 600)]
    public int DrainSeconds { get; set; } = 20;
}

[OptionsValidator]
internal sealed partial class DurableOptionsValidator : IValidateOptions<DurableOptions>;
