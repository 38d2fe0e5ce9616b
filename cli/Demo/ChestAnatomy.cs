using System.Numerics;

namespace Skylight.Cli.Demo;

/// <summary>An invented chest in Hounsfield units: no patient's, but laid out as one is.</summary>
internal static class ChestAnatomy
{
    private const float Fat = -100, Muscle = 55, Lung = -870, Air = -1000, Blood = 45, Marrow = 190, Cortex = 780;

    /// <param name="contrast">Hounsfield units that contrast medium adds to the blood; 0 before injection.</param>
    /// <param name="couch">With the couch below the patient, as in a CT.</param>
    public static List<Solid> Build(SeededNoise noise, float contrast, bool couch)
    {
        var blood = Blood + contrast;
        var solids = new List<Solid>();
        if (couch)
        {
            solids.Add(new Ellipsoid(new(0, 138, 0), new(215, 22, 4000), -180));
            solids.Add(new Ellipsoid(new(0, 138, 0), new(211, 18, 4000), -930));
            solids.Add(new Ellipsoid(new(0, 118, 0), new(190, 12, 4000), -940));
        }
        solids.Add(new Trunk(0, -15));
        solids.Add(new Trunk(3, Fat));
        solids.Add(new Trunk(20, Muscle));
        AddLungs(solids);
        AddAbdomen(solids, contrast);
        AddMediastinum(solids, blood, contrast);
        AddVessels(solids, noise, blood);
        AddSpine(solids);
        AddRibs(solids);
        // A nodule in the right upper lobe.
        solids.Add(new Ellipsoid(new(-82, -18, 62), new(6.5f, 5.5f, 6f), 30));
        return solids;
    }

    private static void AddLungs(List<Solid> solids)
    {
        foreach (var side in new[] { -1, 1 })
        {
            // Base and apex: together the usual shape, narrower to the top.
            solids.Add(new Ellipsoid(new(side * 82, 4, -2), new(62, 78, 128), Lung));
            solids.Add(new Ellipsoid(new(side * 62, 12, 74), new(48, 60, 92), Lung + 15));
        }
    }

    private static void AddAbdomen(List<Solid> solids, float contrast)
    {
        // Domes of the diaphragm with liver, spleen, stomach and its bubble, kidneys, upper bowel.
        solids.Add(new Ellipsoid(new(-72, -2, -170), new(82, 92, 112), Muscle + 8 + (contrast * 0.2f)));
        solids.Add(new Ellipsoid(new(78, 30, -178), new(64, 64, 96), Muscle));
        solids.Add(new Ellipsoid(new(98, 48, -132), new(36, 44, 52), 50 + (contrast * 0.35f)));
        solids.Add(new Ellipsoid(new(58, -30, -140), new(46, 44, 48), 25));
        solids.Add(new Ellipsoid(new(60, -52, -122), new(28, 18, 26), Air + 20));
        foreach (var side in new[] { -1, 1 }) solids.Add(new Ellipsoid(new(side * 62, 52, -205), new(28, 26, 50), 35 + (contrast * 0.7f)));
    }

    private static void AddMediastinum(List<Solid> solids, float blood, float contrast)
    {
        solids.Add(new Ellipsoid(new(2, -14, 50), new(38, 54, 110), -60));
        solids.Add(new Ellipsoid(new(24, -26, -32), new(62, 50, 58), 10, 0.5f));
        solids.Add(new Ellipsoid(new(26, -26, -32), new(57, 45, 53), 48 + (contrast * 0.3f), 0.5f));
        solids.Add(new Ellipsoid(new(42, -28, -38), new(26, 22, 34), blood, 0.5f));
        solids.Add(new Ellipsoid(new(-8, -40, -30), new(26, 20, 36), blood * 0.9f, 0.3f));
        solids.Add(new Ellipsoid(new(8, 4, -8), new(34, 20, 26), blood));
        // Aorta: up, over the arch, down before the spine; then the great vessels and the pulmonary trunk.
        solids.Add(new Rod(new(-4, -32, 0), new(-12, -28, 62), 16, 15, blood));
        solids.Add(new Rod(new(-12, -28, 62), new(10, -6, 86), 15, 14, blood));
        solids.Add(new Rod(new(10, -6, 86), new(28, 30, 66), 14, 13, blood));
        solids.Add(new Rod(new(28, 30, 66), new(20, 42, -230), 13, 10, blood));
        solids.Add(new Rod(new(-6, -18, 84), new(-26, -10, 190), 7, 5, blood));
        solids.Add(new Rod(new(8, -10, 90), new(22, -6, 200), 5, 4, blood));
        solids.Add(new Rod(new(-32, -26, 20), new(-28, -22, 130), 10, 9, blood * 0.85f));
        solids.Add(new Rod(new(14, -40, 16), new(20, -14, 44), 15, 13, blood));
        solids.Add(new Rod(new(20, -14, 42), new(-56, 8, 34), 12, 8, blood));
        solids.Add(new Rod(new(20, -14, 46), new(62, 10, 42), 11, 8, blood));
        // Airways and gullet.
        solids.Add(new Rod(new(0, 6, 46), new(0, -6, 240), 10, 9, Air + 5));
        solids.Add(new Rod(new(0, 6, 48), new(-40, 14, 20), 8, 6, Air + 10));
        solids.Add(new Rod(new(0, 6, 48), new(46, 18, 14), 8, 5, Air + 10));
        solids.Add(new Rod(new(6, 24, -150), new(2, 20, 230), 6, 6, 35));
    }

    private static void AddVessels(List<Solid> solids, SeededNoise noise, float blood)
    {
        foreach (var side in new[] { -1, 1 })
        {
            var hilum = new Vector3(side * 52, 10, 30);
            for (var trunk = 0; trunk < 18; trunk++)
            {
                var goal = new Vector3(side * 84, 4, 18) + (noise.Direction() * new Vector3(44, 62, 92));
                Branch(solids, noise, hilum, Vector3.Normalize(goal - hilum), 4.6f, 34, blood - 20, 0);
            }
        }
    }

    private static void Branch(List<Solid> solids, SeededNoise noise, Vector3 from, Vector3 direction, float radius, float length, float value, int depth)
    {
        var to = from + (direction * length);
        if (!InLung(to)) return;
        solids.Add(new Rod(from, to, radius, radius * 0.78f, value));
        if (depth == 5) return;
        for (var i = 0; i < 2; i++)
            Branch(solids, noise, to, Vector3.Normalize(direction + (noise.Direction() * 0.62f)), radius * 0.7f, length * (float)noise.Between(0.66, 0.9), value - 30, depth + 1);
    }

    private static bool InLung(Vector3 point)
    {
        var side = MathF.Sign(point.X);
        var lung = (point - new Vector3(side * 82, 4, -2)) / new Vector3(58, 74, 122);
        var apex = (point - new Vector3(side * 62, 12, 74)) / new Vector3(44, 56, 86);
        var liver = (point - new Vector3(-72, -2, -170)) / new Vector3(84, 94, 114);
        return (lung.LengthSquared() < 1 || apex.LengthSquared() < 1) && liver.LengthSquared() > 1;
    }

    private static void AddSpine(List<Solid> solids)
    {
        for (var i = 0; i < 19; i++)
        {
            var z = -225 + (i * 25f);
            var y = 62 - (MathF.Cos(z / 150) * 4);
            solids.Add(new Ellipsoid(new(0, y, z), new(19, 15.5f, 12.5f), Cortex * 0.7f));
            solids.Add(new Ellipsoid(new(0, y, z), new(17, 13.5f, 10.5f), Marrow));
            foreach (var side in new[] { -1, 1 })
            {
                solids.Add(new Rod(new(side * 11, y + 12, z + 3), new(side * 14, y + 26, z), 4, 4, Cortex * 0.6f));
                solids.Add(new Rod(new(side * 12, y + 24, z), new(side * 34, y + 30, z + 2), 4.2f, 3.4f, Cortex * 0.5f));
                solids.Add(new Rod(new(side * 13, y + 26, z), new(0, y + 36, z - 4), 3.2f, 3.2f, Cortex * 0.55f));
            }
            solids.Add(new Rod(new(0, y + 34, z - 3), new(0, y + 48, z - 12), 3.4f, 2.8f, Cortex * 0.5f));
            solids.Add(new Rod(new(0, y + 22, z - 13), new(0, y + 22, z + 13), 7, 7, 25));
        }
    }

    private static void AddRibs(List<Solid> solids)
    {
        for (var rib = 0; rib < 11; rib++)
        {
            var top = 158 - (rib * 25f);
            foreach (var side in new[] { -1, 1 })
            {
                Vector3 before = default;
                const int Steps = 26;
                for (var step = 0; step <= Steps; step++)
                {
                    // From the spine round the flank, falling to the front; the lower ribs end free.
                    var angle = (0.06f + (step / (float)Steps * (rib < 7 ? 0.86f : 0.64f))) * MathF.PI;
                    var z = top - (rib < 1 ? 10 : 46) * MathF.Sin(angle * 0.55f);
                    var (width, depth) = Trunk.At(z);
                    var narrow = rib == 0 ? 0.5f : rib == 1 ? 0.7f : 1;
                    var point = new Vector3(side * MathF.Sin(angle) * (width - 31) * narrow, MathF.Cos(angle) * (depth - 26), z);
                    if (step > 0)
                    {
                        solids.Add(new Rod(before, point, 5f, 5f, Cortex * 0.75f));
                        solids.Add(new Rod(before, point, 2.8f, 2.8f, Marrow + 60));
                    }
                    before = point;
                }
                if (rib is > 0 and < 7) solids.Add(new Rod(before, new(side * 12, -78, top - 40), 4.2f, 4, 110));
            }
        }
        // Breastbone, collar bones, shoulder blades.
        solids.Add(new Rod(new(0, -78, 110), new(0, -88, -20), 11, 9, Cortex * 0.45f));
        solids.Add(new Rod(new(0, -78, 110), new(0, -88, -20), 8, 6.5f, Marrow));
        foreach (var side in new[] { -1, 1 })
        {
            solids.Add(new Rod(new(side * 16, -70, 128), new(side * 120, -10, 150), 6.5f, 6, Cortex * 0.7f));
            solids.Add(new Rod(new(side * 92, 62, 130), new(side * 96, 78, 30), 4, 3, Cortex * 0.6f));
            solids.Add(new Rod(new(side * 70, 76, 118), new(side * 104, 56, 112), 3.4f, 4.5f, Cortex * 0.6f));
        }
    }
}
